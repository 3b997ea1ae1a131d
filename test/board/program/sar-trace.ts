/**
 * What sar-adc.ts writes into registers that begin as all zeros and as all ones: the same in Node and in the
 * interpreter, whose operators of 32 bits are others.
 */
import { createSarAdc } from '../../../firmware/board/sar-adc.js';

function trace(start: number): void {
  const values: { [address: string]: number } = {};
  const source = createSarAdc({
    peek32: function (address) {
      const found = values['' + address];
      return found === undefined ? start : found;
    },
    poke32: function (address, value) {
      values['' + address] = value;
      print(address + ' ' + value);
    },
  });
  print('stands ' + source.stands());
  source.on();
  print('stands ' + source.stands());
  source.off();
  print('stands ' + source.stands());
}

trace(0);
trace(4294967295);

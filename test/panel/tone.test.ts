/** Passive buzzers: each board that ships sounds, as Espruino's ESP32 port has it. */
import { createIndicator } from '../../firmware/panel/indicator.js';
import { boardNames, loadBoard } from '../../flash-scripts/flash/node/load-board.js';
import { createBoard } from '../../host-bridge/emulator/board.js';
import { createEmulatedFlash } from '../../host-bridge/emulator/flash.js';
import { createVirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { clockOf } from '../nfc/nfc-rig.js';

function bench() {
  const scheduler = createVirtualScheduler();
  const board = createBoard({
    scheduler,
    name: 'board',
    bundle: '',
    flash: createEmulatedFlash({ address: 0x310000, bytes: 65536, pageBytes: 4096 }),
    entropy: (count) => new Uint8Array(count),
  });
  board.powerOn();
  const pins = {
    digitalWrite: (pin: string, level: number) => void board.evaluate(`digitalWrite(${pin},${level})`),
    analogWrite: (pin: string, value: number, options: { freq: number }) =>
      void board.evaluate(`analogWrite(${pin},${value},${JSON.stringify(options)})`),
    poke32: (address: number, value: number) => void board.evaluate(`poke32(${address},${value})`),
  };
  return { scheduler, board, pins };
}

test.each(['D25', 'D26'])('%s goes to the DAC: a level, whatever the frequency', (pin) => {
  const { board, pins } = bench();
  pins.analogWrite(pin, 0.5, { freq: 1000 });
  expect([board.pin(pin), board.toneHz(pin)]).toEqual([0.5, 0]);
  pins.analogWrite('D4', 0.5, { freq: 1000 });
  expect(board.toneHz('D4')).toBe(1000);
  pins.analogWrite('D4', 0, { freq: 1000 });
  expect(board.toneHz('D4')).toBe(0);
  pins.digitalWrite('D4', 1);
  expect(board.toneHz('D4')).toBe(0);
});

const sounding = boardNames()
  .map((name) => loadBoard(name))
  .filter((entry) => entry.chip === 'esp32' && entry.buzzer);

test('there are boards with a buzzer', () => {
  expect(sounding.length).toBeGreaterThan(4);
});

test.each(sounding.map((entry) => [entry.name, entry] as const))(
  '%s sounds for its signal, and then not',
  (_name, entry) => {
    const { scheduler, board, pins } = bench();
    const { pin, frequencyHz = 0 } = entry.buzzer!;
    const indicator = createIndicator(pins, clockOf(scheduler), entry.led, entry.buzzer);
    const heard = () => board.toneHz(pin);
    for (let i = 0; i < 2; i++) {
      indicator.play([100, 50, 100], false);
      for (const isOn of [true, false, true, false]) {
        // The DAC's generator has steps of 130 Hz.
        if (isOn) expect(Math.abs(heard() - frequencyHz)).toBeLessThan(65);
        else expect(heard()).toBe(0);
        scheduler.advance(isOn ? 100 : 50);
      }
    }
    expect(board.errors).toEqual([]);
  },
);

/**
 * Samples of a board's source of entropy, taken as the firmware takes them (firmware/board/entropy.ts), and judged
 * here by the same health tests. The samples are fresh and used for nothing else.
 */
import { createSarAdc, type SarAdc } from '../../firmware/board/sar-adc.js';
import { isHealthy, ONE_BIT } from '../../firmware/crypto/health.js';
import type { EntropyConfig } from '../../firmware/core/board-config.js';
import { failure } from '../../host-bridge/base/errors.js';
import type { BoardConsole } from '../flash/console.js';
import { checkSource } from '../flash/radios.js';

/** SP 800-90B 4.3. */
const SAMPLES = 1024;
/** In one answer of the console. */
const PIECE_SAMPLES = 128;

/**
 * Runs a step of the source on a board, register by register: one that is not known yet is read, and the step is tried
 * again, until all that it looks at are known; then what it wrote is written.
 */
async function onBoard<T>(console: BoardConsole, step: (source: SarAdc) => T): Promise<T> {
  const known = new Map<number, number>();
  for (;;) {
    const view = new Map(known);
    const written: [address: number, value: number][] = [];
    let unknown: number | undefined;
    const source = createSarAdc({
      peek32(address) {
        if (!view.has(address)) {
          unknown = address;
          throw new Error('not known yet');
        }
        return view.get(address)!;
      },
      poke32(address, value) {
        view.set(address, value);
        written.push([address, value]);
      },
    });
    try {
      const result = step(source);
      for (const [address, value] of written)
        await console.evaluate(`(function(){poke32(${address},${value});return 1})()`);
      return result;
    } catch (thrown) {
      if (unknown === undefined) throw thrown;
      known.set(unknown, Number(await console.evaluate(`peek32(${unknown})`)));
    }
  }
}

const switchOn = (source: SarAdc): void => source.on();
const switchOff = (source: SarAdc): void => source.off();
const stands = (source: SarAdc): boolean => source.stands();

function sampler(config: EntropyConfig): string {
  if (config.file)
    return `(function(){var f=E.openFile(${JSON.stringify(config.file)},"r"),t="";for(var i=0;t.length<${PIECE_SAMPLES}&&i<16;i++)t+=f.read(${PIECE_SAMPLES}-t.length)||"";f.close();return E.toUint8Array(t).join()})()`;
  return `(function(){var t=new Uint8Array(${PIECE_SAMPLES});for(var i=0;i<t.length;i++)t[i]=peek32(${config.register})&255;return t.join()})()`;
}

async function takeSamples(console: BoardConsole, config: EntropyConfig): Promise<Uint8Array> {
  const samples: number[] = [];
  while (samples.length < SAMPLES) {
    const piece = String(await console.evaluate(sampler(config)))
      .split(',')
      .map(Number);
    if (piece.length !== PIECE_SAMPLES)
      throw failure('ENTROPY_WEAK', `the source gave ${piece.length} samples of ${PIECE_SAMPLES}`);
    samples.push(...piece);
  }
  return Uint8Array.from(samples);
}

/** Takes samples and judges them. @returns what was found @throws TapcashError ENTROPY_NONE, ENTROPY_WEAK */
export async function checkEntropy(
  console: BoardConsole,
  board: { name: string; entropy: EntropyConfig },
): Promise<string> {
  checkSource(board);
  const config = board.entropy;
  const isSar = config.source === 'sar-adc';
  let samples: Uint8Array;
  try {
    if (isSar) await onBoard(console, switchOn);
    if (isSar && !(await onBoard(console, stands))) throw failure('ENTROPY_WEAK', 'the SAR ADC cannot be switched on');
    samples = await takeSamples(console, config);
    if (isSar && !(await onBoard(console, stands))) throw failure('ENTROPY_WEAK', 'something else uses the SAR ADC');
  } finally {
    if (isSar) await onBoard(console, switchOff);
  }
  if (!isHealthy(samples, ONE_BIT)) throw failure('ENTROPY_WEAK', 'health test of SP 800-90B');
  const source = isSar ? 'SAR ADC, no radio' : config.file;
  return `healthy (${source}), ${new Set(samples).size} values in ${SAMPLES} samples`;
}

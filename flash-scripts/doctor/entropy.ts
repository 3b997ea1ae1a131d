/**
 * Samples of a board's source of entropy, taken as the firmware takes them (firmware/board/entropy.ts), and judged
 * here by the same health tests. The samples are fresh and used for nothing else.
 */
import { isHealthy, ONE_BIT } from '../../firmware/crypto/health.js';
import type { EntropyConfig } from '../../firmware/core/board-config.js';
import { failure } from '../../host-bridge/base/errors.js';
import type { Attempt } from '../flash/attempt.js';
import type { BoardConsole } from '../flash/console.js';

/** SP 800-90B 4.3. */
const SAMPLES = 1024;
/** In one answer of the console. */
const PIECE_SAMPLES = 128;
const RADIO_MS = 10_000;
const POLL_MS = 100;

async function startRadio(console: BoardConsole, attempt: Attempt, config: EntropyConfig): Promise<void> {
  const radio = `require(${JSON.stringify(config.radio)})`;
  const isOn = `${radio}.getStatus().mode=="off"?0:1`;
  if ((await console.evaluate(isOn)) === 1) return;
  // As the firmware does: an access point that nobody can find or join.
  const password = '"tc"+Math.random().toString(36).substr(2,8)+getTime()';
  await console.evaluate(
    `(function(){${radio}.startAP("tapcash",{password:${password},authMode:"wpa2",hidden:true},function(){});return 1})()`,
  );
  for (const endMs = Date.now() + RADIO_MS; (await console.evaluate(isOn)) !== 1; await attempt.wait(POLL_MS)) {
    if (Date.now() > endMs) throw failure('ENTROPY_WEAK', 'the radio does not start');
  }
}

function sampler(config: EntropyConfig): string {
  if (config.file)
    return `(function(){var f=E.openFile(${JSON.stringify(config.file)},"r"),t="";for(var i=0;t.length<${PIECE_SAMPLES}&&i<16;i++)t+=f.read(${PIECE_SAMPLES}-t.length)||"";f.close();return E.toUint8Array(t).join()})()`;
  return `(function(){var t=new Uint8Array(${PIECE_SAMPLES});for(var i=0;i<t.length;i++)t[i]=peek32(${config.register})&255;return t.join()})()`;
}

/** Takes samples and judges them. @returns different values among them @throws TapcashError ENTROPY_WEAK */
export async function checkEntropy(console: BoardConsole, attempt: Attempt, config: EntropyConfig): Promise<number> {
  if (!config.file) await startRadio(console, attempt, config);
  const samples: number[] = [];
  while (samples.length < SAMPLES) {
    const piece = String(await console.evaluate(sampler(config)))
      .split(',')
      .map(Number);
    if (piece.length !== PIECE_SAMPLES)
      throw failure('ENTROPY_WEAK', `the source gave ${piece.length} samples of ${PIECE_SAMPLES}`);
    samples.push(...piece);
  }
  if (!isHealthy(Uint8Array.from(samples), ONE_BIT)) throw failure('ENTROPY_WEAK', 'health test of SP 800-90B');
  return new Set(samples).size;
}

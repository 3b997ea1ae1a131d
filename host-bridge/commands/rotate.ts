/**
 * `tapcash rotate`: a house gets another key; and which keys each house of a folder has had.
 */
import { existsSync } from 'node:fs';
import { table } from '../base/text-table.js';
import { fromHex, toHex } from '../../firmware/core/bytes.js';
import type { HouseName } from '../base/keys/key-line.js';
import { failure, must } from '../base/errors.js';
import { createHouseClient } from '../http/client.js';
import { pathsOf } from '../base/keys/key-file.js';
import {
  lastRotation,
  openHouseBooks,
  restoreSuccession,
  rotate,
  tidyKeys,
  type Rotation,
} from '../services/rotate.js';
import { urlOf, type Settings } from './settings.js';
import type { CommandContext } from './table/spec.js';
import { day, print } from './output.js';

export interface RotateCommand {
  data: string;
  /** Days until the new key signs. */
  in: string;
  tell?: string[];
  again?: boolean;
  tidy?: boolean;
  /** A notice, in hexadecimal. */
  restore?: string;
  json?: boolean;
}

const DAY_S = 86400;
const HOUSES: HouseName[] = ['issuer', 'trustee', 'bank'];

function houseArgument(text: string): HouseName {
  const house = HOUSES.find((one) => one === text);
  if (!house) throw failure('USAGE', `${text}: ${HOUSES.join(', ')} expected`);
  return house;
}

function daysArgument(text: string): number {
  if (!/^[0-9]{1,3}$/.test(text)) throw failure('USAGE', `--in ${text}: whole days expected, 0 for at once`);
  return Number(text);
}

function madeBefore(dataDir: string, house: HouseName): Rotation {
  const books = openHouseBooks(dataDir, house);
  try {
    const last = lastRotation(books, house);
    if (!last) throw failure('USAGE', `the ${house} has its first key: without --again it gets another`);
    return last;
  } finally {
    books.close();
  }
}

/** Addresses of a folder's other houses. */
function othersOf(house: HouseName, settings: Settings | null): string[] {
  if (!settings) return [];
  return HOUSES.filter((one) => one !== house).flatMap((one) => urlOf(settings, one) ?? []);
}

/** `tapcash rotate HOUSE`. */
export async function rotateKey(
  name: string,
  options: RotateCommand,
  { settings }: Pick<CommandContext, 'settings'>,
): Promise<void> {
  const house = houseArgument(name);
  const nowS = Math.floor(Date.now() / 1000);
  if (options.tidy) {
    const gone = tidyKeys(options.data, house, nowS);
    return print(
      options.json,
      { ok: true, house, deleted: gone },
      gone.map((path) => `deleted ${path}`).join('\n') || 'Every private key that is there is still needed.',
    );
  }
  if (options.restore !== undefined) {
    const { number, repeated } = restoreSuccession(
      options.data,
      house,
      fromHex(options.restore) ?? new Uint8Array(0),
      nowS,
    );
    return print(
      options.json,
      { ok: true, house, number, repeated },
      `The ${house}'s books know its successor number ${number}${repeated ? ' already' : ' again'}.`,
    );
  }
  const leadS = daysArgument(options.in) * DAY_S;
  const done = options.again
    ? madeBefore(options.data, house)
    : await rotate({ dataDir: options.data, house, nowS, fromS: nowS + leadS });
  const told: string[] = [];
  const unreached: string[] = [];
  for (const url of options.tell ?? othersOf(house, settings)) {
    const heard = await createHouseClient({ url }).succeed(done.notice);
    if (heard.ok) told.push(url);
    // The key is made; a house of the folder that does not run now is told later.
    else if (options.tell || heard.code !== 'SERVICE_DOWN') must(heard);
    else unreached.push(url);
  }
  const { number, newKey, fromS, untilS, notice } = done;
  const lines = [
    `The ${house} signs with ${toHex(newKey)} from ${day(fromS)} on; its key before that is taken until ${day(untilS)}.`,
    ...(told.length > 0 ? [`Told: ${told.join(', ')}.`] : []),
    ...(unreached.length > 0
      ? [`Not reached: ${unreached.join(', ')}. Start them: tapcash rotate ${house} --again`]
      : []),
    ...(told.length + unreached.length === 0
      ? [`The other houses must hear of it before then: tapcash rotate ${house} --again --tell URL ...`]
      : []),
    `Boards: tapcash manifest, then tapcash provision for each; one that is not brought up to date refuses what the new key signs.`,
    ...(house === 'bank' ? ['In scheme 2, on that day: tapcash office coupon-keys.'] : []),
  ];
  print(
    options.json,
    { ok: true, house, number, newKey: toHex(newKey), fromS, untilS, notice: toHex(notice), told },
    lines.join('\n'),
  );
}

/** The keys of the houses whose books lie in a folder, oldest first. */
export function keyLines(dataDir: string): { house: HouseName; key: string; fromS: number; untilS: number | null }[] {
  return HOUSES.filter((house) => existsSync(pathsOf(dataDir, house).database)).flatMap((house) => {
    const books = openHouseBooks(dataDir, house);
    try {
      return books.line.keys().map(({ key, fromS, untilS }) => ({
        house,
        key: toHex(key),
        fromS,
        untilS: untilS === Infinity ? null : untilS,
      }));
    } finally {
      books.close();
    }
  });
}

/** The same for people; nothing where no house has had more than one. */
export function keyLinesText(lines: ReturnType<typeof keyLines>): string[] {
  const rotated = new Set(lines.filter(({ fromS }) => fromS > 0).map(({ house }) => house));
  return table(
    lines
      .filter(({ house }) => rotated.has(house))
      .map(({ house, key, fromS, untilS }) => [
        house,
        key.slice(0, 16),
        `${fromS > 0 ? `signs from ${day(fromS)}` : 'the first key'}${untilS === null ? '' : `, taken until ${day(untilS)}`}`,
      ]),
  );
}

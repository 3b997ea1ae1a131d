/**
 * A deny list of 20,000, in raw flash of the interpreter: whole in 25 messages, then a difference of 40; what is found,
 * and whether variables are left behind.
 */
import { concat, writeU32 } from '../../../firmware/core/bytes.js';
import { findPrefix } from '../../../firmware/shop-terminal/deny-store.js';
import { openDenyList, updateDenyList } from '../../../firmware/shop-terminal/deny-update.js';
import {
  DENY_CHANGES_MAX,
  denyBody,
  DIGEST_BYTES,
  PIECE_BYTES,
  PREFIX_BYTES,
  signedDenyList,
} from '../../../firmware/wire/notices.js';

const COUNT = 20000;
const ISSUER = new Uint8Array([1, 2, 3, 4]);
const HALF_BYTES = 81920;

const flash = require('Flash');
const crypto = require('crypto');

function sha256(data: Uint8Array): Uint8Array {
  return new Uint8Array(crypto.SHA256(data));
}

/** Prefix i: as far apart as those of 20,000 random ones on average, and not evenly. */
function prefixAt(i: number): number {
  return i * 214748 + ((i * 7919) % 200000);
}

/** Of every 500th the first is gone in the second version. */
function isGone(i: number): boolean {
  return i % 500 === 0;
}

/** Some prefixes, each `every` th from `from` on, as they travel. */
function prefixes(from: number, count: number, every: number): Uint8Array {
  const out = new Uint8Array(count * PREFIX_BYTES);
  for (let i = 0; i < count; i++) writeU32(out, i * PREFIX_BYTES, prefixAt(from + i * every));
  return out;
}

/** Digest of all, or of those that stay. */
function digestOf(onlyStaying: boolean): Uint8Array {
  let digest: Uint8Array = new Uint8Array(DIGEST_BYTES);
  const piece = new Uint8Array(PIECE_BYTES);
  let filled = 0;
  for (let i = 0; i < COUNT; i++) {
    if (onlyStaying && isGone(i)) continue;
    writeU32(piece, filled, prefixAt(i));
    filled += PREFIX_BYTES;
    if (filled === PIECE_BYTES) {
      digest = sha256(concat([digest, piece]));
      filled = 0;
    }
  }
  return filled ? sha256(concat([digest, piece.subarray(0, filled)])) : digest;
}

let stored: Uint8Array | null = null;
const parts = {
  records: {
    put: function (_type: number, _slot: number, payload: Uint8Array) {
      stored = payload;
    },
    get: function () {
      return stored;
    },
  } as any,
  area: { flash: flash, address: 0x10010000, halfBytes: HALF_BYTES, eraseBytes: 1024 },
  sha256: sha256,
};
const list = openDenyList(parts);

function send(from: number, to: number, size: number, digest: Uint8Array, total: number, first: number, changes: any) {
  const body = denyBody.encode({
    issuer: ISSUER,
    fromVersion: from,
    toVersion: to,
    timeS: 5,
    size: size,
    digest: digest,
    total: total,
    first: first,
    changes: changes,
  });
  const message = signedDenyList.encode({ signature: new Uint8Array(64), body: body });
  return updateDenyList(parts, list, ISSUER, message, function () {
    return true;
  });
}

/** Of every 37th, how many are found; and of as many that are not on the list. */
function found(): string {
  let listed = 0;
  let others = 0;
  for (let i = 0; i < COUNT; i += 37) {
    if (findPrefix(flash, list.address, 0, list.size, 0, prefixAt(i)) >= 0) listed++;
    if (findPrefix(flash, list.address, 0, list.size, 0, prefixAt(i) + 1) >= 0) others++;
  }
  return listed + ' and ' + others;
}

const all = digestOf(false);
const before = process.memory().usage;
let answers = '';
for (let first = 0; first < COUNT; first += DENY_CHANGES_MAX)
  answers += send(0, 1, COUNT, all, COUNT, first, prefixes(first, DENY_CHANGES_MAX, 1)) === 'OK' ? '.' : 'x';
print('whole ' + answers);
print('version ' + list.version + ' size ' + list.size + ' found ' + found());
const staying = digestOf(true);
print('wrong base ' + send(7, 8, COUNT - 40, staying, 40, 0, prefixes(0, 40, 500)));
print('wrong digest ' + send(1, 2, COUNT - 40, all, 40, 0, prefixes(0, 40, 500)));
print('version ' + list.version + ' size ' + list.size + ' found ' + found());
print('difference ' + send(1, 2, COUNT - 40, staying, 40, 0, prefixes(0, 40, 500)));
print('version ' + list.version + ' size ' + list.size + ' found ' + found());
print('opened again ' + openDenyList(parts).version);
print('left behind ' + (process.memory().usage - before < 60));

/**
 * Espruino's native modules for the emulated board: crypto, Flash, Storage.
 *
 * Source: libs/crypto/jswrap_crypto.c, src/jswrap_flash.c, src/jswrap_storage.c and src/jsflash.c of Espruino 2v29.
 * Storage is kept in RAM of the emulator and survives power cycles; it never tears, because nothing that must survive
 * is written there. File names above 28 characters, which the board cuts off, are a fault here.
 */
import { createCipheriv, createDecipheriv, createHash, pbkdf2Sync } from 'node:crypto';
import type { EmulatedFlash } from './flash.js';
import { PowerLost } from './flash.js';
import type { Realm } from './espruino-e.js';
import { bytesOf, charsOf } from './espruino-e.js';
import type { Cycle } from './espruino-cycle.js';
import type { ReservedPages } from './reserved-pages.js';

type AesOptions = { iv?: unknown; mode?: string };

/** AES as mbedtls does it through Espruino: CBC unless told, no padding, and CTR always from counter 0. */
function aes(realm: Realm, encrypt: boolean, message: unknown, key: unknown, options: AesOptions = {}): ArrayBuffer {
  const mode = (options.mode ?? 'CBC').toLowerCase();
  const keyBytes = Buffer.from(bytesOf(key));
  const input = Buffer.from(bytesOf(message));
  if (mode === 'ecb' || mode === 'cbc') {
    if (input.length % 16 !== 0) throw new Error('AES: message is not whole blocks');
  } else if (mode !== 'ctr' && mode !== 'cfb') {
    throw new Error('Unknown Crypto mode');
  }
  const iv = mode === 'ecb' ? null : Buffer.alloc(16);
  if (iv && mode !== 'ctr' && options.iv) iv.set(bytesOf(options.iv).slice(0, 16));
  const name = `aes-${keyBytes.length * 8}-${mode === 'cfb' ? 'cfb8' : mode}`;
  const cipher = encrypt ? createCipheriv(name, keyBytes, iv) : createDecipheriv(name, keyBytes, iv);
  cipher.setAutoPadding(false);
  return new realm.Uint8Array(Buffer.concat([cipher.update(input), cipher.final()])).buffer as ArrayBuffer;
}

/** `require("crypto")`. */
export function createCrypto(realm: Realm): object {
  const sha = (algorithm: string) => (message: unknown) =>
    new realm.Uint8Array(
      createHash(algorithm)
        .update(Uint8Array.from(bytesOf(message)))
        .digest(),
    ).buffer;
  return {
    SHA1: sha('sha1'),
    SHA224: sha('sha224'),
    SHA256: sha('sha256'),
    SHA384: sha('sha384'),
    SHA512: sha('sha512'),
    PBKDF2(passphrase: unknown, salt: unknown, o: { keySize?: number; iterations?: number; hasher?: string } = {}) {
      const bits = (o.keySize ?? 4) * 32;
      const hash = (o.hasher ?? 'SHA1').toLowerCase();
      const key = pbkdf2Sync(
        Buffer.from(bytesOf(passphrase)),
        Buffer.from(bytesOf(salt)),
        o.iterations ?? 1,
        bits / 8,
        hash,
      );
      return new realm.Uint8Array(key).buffer;
    },
    AES: {
      encrypt: (message: unknown, key: unknown, options?: AesOptions) => aes(realm, true, message, key, options),
      decrypt: (message: unknown, key: unknown, options?: AesOptions) => aes(realm, false, message, key, options),
    },
  };
}

/**
 * `require("Flash")`. What a program does after it has lost power, in its `catch` or after `E.reboot`, reaches nothing.
 */
export function createFlashModule(records: EmulatedFlash, reserved: ReservedPages, realm: Realm, cycle: Cycle): object {
  const at = (address: number): EmulatedFlash => (reserved.covers(address) ? reserved.flash() : records);
  const live = () => {
    if (!cycle.alive) throw new PowerLost();
  };
  return {
    read: (length: number, address: number) =>
      length > 0
        ? new realm.Uint8Array((reserved.covers(address) ? reserved : records).read(length, address))
        : undefined,
    write: (data: unknown, address: number) => {
      live();
      const bytes = ArrayBuffer.isView(data) ? (data as Uint8Array) : bytesOf(data);
      if (bytes.length > 0) at(address).write(bytes, address);
    },
    erasePage: (address: number) => {
      live();
      at(address).erasePage(address);
    },
    getPage: (address: number) => at(address).getPage(address),
    getFree: () => [],
  };
}

/** Files by name. */
export type Files = Map<string, Uint8Array>;

/** Longest file name (src/jsflash.h, JsfFileName). */
const NAME_CHARACTERS_MAX = 28;

/** `require("Storage")` over files that outlive the power cycle. */
export function createStorage(files: Files, bytesMax: number, realm: Realm, cycle: Cycle) {
  const nameOf = (name: unknown): string => {
    const text = String(name);
    return text.length <= NAME_CHARACTERS_MAX ? text : cycle.fault(`Storage: name longer than 28 characters: ${text}`);
  };
  const used = () => [...files.values()].reduce((sum, file) => sum + 32 + ((file.length + 3) & ~3), 0);

  function write(rawName: unknown, data: unknown, offset = 0, size = 0): boolean {
    if (!cycle.alive) throw new PowerLost();
    const name = nameOf(rawName);
    const isObject = Object.prototype.toString.call(data) === '[object Object]';
    const bytes = isObject ? bytesOf(JSON.stringify(data)) : bytesOf(data);
    const length = size || bytes.length;
    if (length === 0) throw new Error("Can't create zero length file");
    if (offset === 0) {
      const old = files.get(name);
      files.delete(name);
      if (used() + 32 + length > bytesMax) {
        if (old) files.set(name, old);
        throw new Error('Unable to find or create file');
      }
      files.set(name, new Uint8Array(length).fill(0xff));
    }
    const file = files.get(name);
    if (!file) throw new Error('Unable to find or create file');
    if (offset + bytes.length > file.length) throw new Error('Too much data for file size');
    if (file.subarray(offset, offset + bytes.length).some((b) => b !== 0xff)) {
      throw new Error('File already written with different data');
    }
    file.set(bytes, offset);
    return true;
  }

  const read = (name: unknown, offset = 0, length = 0): string | undefined => {
    const file = files.get(nameOf(name));
    if (!file) return undefined;
    return charsOf(file.subarray(Math.max(0, offset), length > 0 ? offset + length : file.length));
  };
  return {
    read,
    write,
    readArrayBuffer: (name: unknown) => {
      const file = files.get(nameOf(name));
      return file ? new realm.Uint8Array(file).buffer : undefined;
    },
    readJSON: (name: unknown, noExceptions?: boolean) => {
      const text = read(name);
      if (text === undefined) return undefined;
      try {
        return JSON.parse(text);
      } catch (error) {
        if (noExceptions) return undefined;
        throw error;
      }
    },
    writeJSON: (name: unknown, value: unknown) => write(name, JSON.stringify(value)),
    erase: (name: unknown) => void (cycle.alive && files.delete(nameOf(name))),
    eraseAll: () => files.clear(),
    list: (regex?: RegExp) => [...files.keys()].filter((name) => !regex || regex.test(name)),
    getFree: () => bytesMax - used(),
    compact: () => undefined,
  };
}

/**
 * What both roles do first at boot: look for the natives that the firmware needs, read the provisioned file, move the
 * console, and stop with a named fault where one of these fails.
 *
 * docs/security.md 3: some ESP32 builds leave out native crypto. A fault is shown on display, LED and console, and
 * nothing runs after it: a board never works with a store, a source of entropy or a configuration that is not good.
 */
import { fromChars, readU32, writeU32 } from '../core/bytes.js';
import { boardFault, limitBursts } from '../core/board-config.js';
import type { StoredConfig } from '../core/board-config.js';

/** Files in Storage. */
export const CONFIG_FILE = 'tapcash.cfg';
export const SEED_FILE = 'tapcash.seed';

/** 32 bytes for which the board proves once, at its next start, that it has its keys. */
const ASK_FILE = 'tapcash.ask';

/** Bytes of `SEED_FILE`: host entropy given at provisioning. */
export const SEED_BYTES = 32;

/** What of Espruino's Storage is used. */
export interface StorageModule {
  /** On boards that map flash into memory, a view of it: functions that are evaluated from it stay there. */
  read(name: string, offset?: number, length?: number): string | undefined;
  readArrayBuffer(name: string): ArrayBuffer | undefined;
  erase(name: string): void;
}

/**
 * The first native that is missing, as its name, or null.
 * @param root the global object
 * @param requireModule `require`
 * @param names such as "E.convolve", "crypto.SHA512" (module.function) or "peek32"
 */
export function missingNative(root: any, requireModule: (name: string) => any, names: string[]): string | null {
  for (let i = 0; i < names.length; i++) {
    const parts = names[i].split('.');
    let found: any;
    try {
      if (parts.length === 1) found = root[parts[0]];
      else if (parts[0] === 'E') found = root.E[parts[1]];
      else found = requireModule(parts[0])[parts[1]];
    } catch (error) {
      found = undefined;
    }
    if (typeof found !== 'function') return names[i];
  }
  return null;
}

/**
 * The text of an overlay.
 * @param id what it begins with, in quotes
 * @throws Error when it is missing or of another build
 */
export function readOverlay(storage: StorageModule, file: string, id: string): string {
  const text = storage.read(file, 1, id.length) === id && storage.read(file);
  if (!text) throw new Error(file + ': not of this build, write all files again');
  return text;
}

/** As overlay.d.ts has it. */
export interface ResidentOverlay<T> {
  load(): T;
  drop(): void;
}

/** Most characters of the list of a resident overlay's names, its second text (flash-scripts/build/overlays.ts). */
const NAMES_BYTES_MAX = 1000;

/** A resident overlay and where it lies. All share its methods: closures of its own would take 25 variables more. */
interface Resident<T> extends ResidentOverlay<T> {
  storage: StorageModule;
  root: Record<string, unknown>;
  file: string;
  id: string;
  evaluate: (text: string) => void;
}

function loadResident<T>(this: Resident<T>): T {
  // Espruino calls a setter outside of every scope, so that functions that are made there keep none.
  const outside = Object.defineProperty({}, 'text', { set: this.evaluate }) as { text: string };
  outside.text = readOverlay(this.storage, this.file, this.id);
  const made = this.root[this.file] as T;
  delete this.root[this.file];
  return made;
}

function dropResident<T>(this: Resident<T>): void {
  const names = (this.storage.read(this.file, this.id.length + 4, NAMES_BYTES_MAX) || '').split('"')[0].split(' ');
  for (let i = 0; i < names.length; i++) delete this.root[names[i]];
}

/**
 * A resident overlay (overlay.d.ts), loaded into a global object and deleted from it.
 * @param root the global object @param evaluate `eval` @throws Error as readOverlay, at once and at each load
 */
export function openResident<T>(
  storage: StorageModule,
  root: any,
  file: string,
  id: string,
  evaluate: (text: string) => void,
): ResidentOverlay<T> {
  readOverlay(storage, file, id);
  return {
    storage: storage,
    root: root,
    file: file,
    id: id,
    evaluate: evaluate,
    load: loadResident,
    drop: dropResident,
  } as Resident<T>;
}

/** Deletes what only the start used. @param root the global object @param names with a blank between two */
export function forget(root: Record<string, unknown>, names: string): void {
  const all = names.split(' ');
  for (let i = 0; i < all.length; i++) {
    delete root[all[i]];
    // Where a declared name cannot be deleted, what it stands for goes all the same.
    if (root[all[i]] !== undefined) root[all[i]] = undefined;
  }
}

/** Reads and checks 'tapcash.cfg'; `fault` says what is wrong, for the owner. @param version of the interpreter */
export function readConfig<P>(
  storage: StorageModule,
  role: string,
  version: string,
): { ok: true; config: StoredConfig<P> } | { ok: false; fault: string } {
  const text = storage.read(CONFIG_FILE);
  if (text === undefined) return { ok: false, fault: 'not provisioned: no ' + CONFIG_FILE };
  let config: any;
  try {
    config = JSON.parse(text);
  } catch (error) {
    config = undefined;
  }
  if (!config || typeof config !== 'object') return { ok: false, fault: CONFIG_FILE + ': damaged' };
  if (config.role !== role) return { ok: false, fault: CONFIG_FILE + ': role is not ' + role };
  const fault = boardFault(config.board);
  if (fault) return { ok: false, fault: CONFIG_FILE + ': ' + fault };
  if (!config.provision || typeof config.provision !== 'object')
    return { ok: false, fault: CONFIG_FILE + ': provision: missing' };
  limitBursts(config.board, version);
  return { ok: true, config: config };
}

/** The part of the record log (record-log.ts) that start-up needs. `put` throws when the flash fails. */
export interface BoardRecords {
  put(type: number, slot: number, payload: Uint8Array): void;
  get(type: number, slot: number): Uint8Array | null;
}

/** Types of record that both roles have; those of a role begin at 16 (token) and 32 (terminal). Never reused. */
export const BOARD_RECORD = {
  /** Slot 0 to n: the role's keys, seed (32) and, on a token, public key (32). */
  key: 1,
  /** Slot 0: entropy given at provisioning, 32 bytes. */
  seed: 2,
  /** Slot 0: boot counter, u32. */
  boot: 3,
  /** Slot 0: whose institutions the board trusts (pinned-root.ts). */
  root: 4,
};

/**
 * Moves the host's entropy from Storage to raw flash, where keys live, and erases it from Storage only once it is
 * there. A new file wins over an old record: the board was provisioned again.
 * @returns 32 bytes, or null where the board was never given any
 */
export function takeSeed(storage: StorageModule, records: BoardRecords): Uint8Array | null {
  const text = storage.read(SEED_FILE);
  if (text !== undefined && text.length === SEED_BYTES) {
    records.put(BOARD_RECORD.seed, 0, fromChars(text));
    storage.erase(SEED_FILE);
  }
  const seed = records.get(BOARD_RECORD.seed, 0);
  return seed && seed.length === SEED_BYTES ? seed : null;
}

/** What a host asked the board to sign, if it did: asked once, answered once. */
export function takeAsk(storage: StorageModule): Uint8Array | null {
  const text = storage.read(ASK_FILE);
  if (text === undefined) return null;
  // Before the file goes: erasing it makes null of every string that is a view of it (Espruino 2v29,
  // jsfEraseFileInternal).
  const asked = fromChars(text);
  storage.erase(ASK_FILE);
  return asked;
}

/**
 * Counts this boot; durable when it returns, so that no two boots draw random numbers under one count.
 * @returns 1, 2 ...
 */
export function countBoot(records: BoardRecords): number {
  const stored = records.get(BOARD_RECORD.boot, 0);
  const count = (stored ? readU32(stored, 0) : 0) + 1;
  const payload = new Uint8Array(4);
  writeU32(payload, 0, count);
  records.put(BOARD_RECORD.boot, 0, payload);
  return count;
}

/** What of the chip, of Bluetooth and of WiFi is asked and switched off. */
interface RadioChip {
  getState(): { BLE: boolean };
}
interface Bluetooth {
  wake(): void;
  sleep(): void;
}
interface WifiModule {
  getStatus(): { mode: string };
  stopAP(): void;
  disconnect(): void;
}

/**
 * Why the radio is not off, or ''. The interpreter opens its radios before and after the boot files: Bluetooth where
 * the chip's settings say so, which then advertises a name made of its MAC whatever a program does first; until
 * 2v29.270 an open access point where no WiFi setting is stored. So this looks again when it is done with that. Whose
 * network it is no mode tells: none is ours.
 * @param root the global object @param requireModule `require`
 */
export function radioFault(root: any, requireModule: (name: string) => any): string {
  const chip = root.ESP32 as RadioChip | undefined;
  if (chip && chip.getState().BLE) {
    const bluetooth = root.NRF as Bluetooth;
    // Awake first: asleep, it does not look whether it advertises.
    bluetooth.wake();
    bluetooth.sleep();
    return 'Bluetooth is on: tapcash flash switches it off';
  }
  let wifi: WifiModule;
  try {
    wifi = requireModule('Wifi');
  } catch (error) {
    return '';
  }
  // "NULL" in builds on ESP-IDF 3 (wifiModeToString of jswrap_esp32_network.c).
  const mode = wifi.getStatus().mode;
  if (mode === 'NULL' || mode === 'off') return '';
  wifi.stopAP();
  wifi.disconnect();
  return 'WiFi is on: tapcash flash switches it off';
}

/** What of Espruino's globals moves the console. */
export interface ConsoleMover {
  /** `E.setConsole(port or null, {force})`. */
  setConsole(port: any, options: { force: boolean }): void;
  /** The port of that name, such as `Serial1`. */
  port(name: string): any;
}

/**
 * Moves the console off a port that carries frames: there it would take bytes 3 and 16 for its own. After the next
 * reset it is back; with the console button held then, the firmware does not start and leaves it there, so that a board
 * can always be reflashed.
 * @param leaves the port's name, or undefined where the console is on none that is needed
 * @param to another port's name, or undefined for nowhere
 */
export function leaveConsole(mover: ConsoleMover, leaves: string | undefined, to: string | undefined): void {
  if (leaves) mover.setConsole(to ? mover.port(to) : null, { force: true });
}

/**
 * A board's radios and the consoles behind them, as its interpreter has them: looked at, and switched off for good.
 *
 * Bluetooth: on in the chip's settings until `ESP32.enableBLE(false)`, which also removes the boot file and restarts.
 * WiFi: until 2v29.270 the interpreter opens an access point without a password at each start, unless Storage has a
 * setting. Telnet: on wherever a network is up; the firmware's first statement switches it off at each start
 * (firmware/board/espruino-consoles.ts), so here it is only tried whether that can be done.
 */
import { failure } from '../../host-bridge/base/errors.js';
import { fromChars } from '../../firmware/core/bytes.js';
import { isBefore, type BoardConfig } from '../../firmware/core/board-config.js';
import type { BoardConsole } from './console.js';
import type { StorageFiles } from './storage-files.js';

/** The interpreter's own file (src/jswrap_storage.h, WIFI_CONFIG_STORAGE_NAME), by which WiFi stays off. */
const WIFI_FILE = '.wificfg';
const WIFI_OFF = '{"mode":0}';
/** The first build that opens no access point by itself. */
const CLOSED_BUILD = 271;

/** What is asked of a board, by an expression that is 1 where it is as it must be. */
const QUESTIONS: [fault: string, expression: string][] = [
  [
    'the console cannot be forced to the cable',
    '(function(){try{var c=E.getConsole();E.setConsole(c,{force:true});return c=="USB"||c=="Serial1"?1:0}catch(e){return 0}})()',
  ],
  [
    'Telnet cannot be switched off',
    '(function(){var t;try{t=require("TelnetServer")}catch(e){return 1}try{t.setOptions({mode:"off"});return 1}catch(e){return 0}})()',
  ],
  ['Bluetooth is on', '(function(){return global.ESP32&&ESP32.getState().BLE?0:1})()'],
  // "NULL" in builds on ESP-IDF 3 (wifiModeToString of jswrap_esp32_network.c; seen in QEMU).
  [
    'WiFi is on',
    '(function(){var w,m;try{w=require("Wifi")}catch(e){return 1}m=w.getStatus().mode;return m=="NULL"||m=="off"?1:0})()',
  ],
];

/** What is open or on, in words; none on a board as it must be. Its console stays forced to the cable. */
export async function openRadios(console: BoardConsole): Promise<string[]> {
  const found: string[] = [];
  for (const [fault, expression] of QUESTIONS) if ((await console.evaluate(expression)) !== 1) found.push(fault);
  return found;
}

/** @throws TapcashError RADIO_ON with what is on or cannot be switched off */
export async function checkRadios(console: BoardConsole): Promise<void> {
  const found = await openRadios(console);
  if (found.length > 0) throw failure('RADIO_ON', found.join(', '));
}

/** @throws TapcashError ENTROPY_NONE where a board's chip has no source of entropy without radio */
export function checkSource(board: Pick<BoardConfig, 'name' | 'entropy'>): void {
  if (board.entropy.source === 'none') throw failure('ENTROPY_NONE', board.name);
}

/** Whether Bluetooth is on in the chip's settings. */
export async function isBluetoothOn(console: BoardConsole): Promise<boolean> {
  return (await console.evaluate('global.ESP32&&ESP32.getState().BLE?1:0')) === 1;
}

/** Switches Bluetooth off for good. The board restarts without its boot file: its console is to be reached anew. */
export const switchBluetoothOff = (console: BoardConsole): Promise<void> =>
  console.type('setTimeout(function(){ESP32.enableBLE(false)},50)');

/** Files by which an interpreter of this version keeps WiFi off from its next start. */
export const radioFiles = (version: string): StorageFiles =>
  isBefore(version, CLOSED_BUILD) ? { [WIFI_FILE]: fromChars(WIFI_OFF) } : {};

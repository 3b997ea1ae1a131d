/**
 * The radios of an emulated ESP32, who can reach its console by them, and what they send.
 *
 * Source: targets/esp32/bluetooth.c and BLE/esp32_gatts_func.c, libs/network/telnet/jswrap_telnet.c,
 * libs/network/esp32/jswrap_esp32_network.c, targets/esp32/main.c of Espruino 2v29. As there:
 * - with Bluetooth on in the chip's settings it advertises a name made of the MAC from the start, and once more when
 *   its services are registered, some milliseconds later, even if a program has put it to sleep meanwhile;
 * - who connects gets the console unless it is forced;
 * - WiFi's stored setting is restored after the boot files; until 2v29.270 an access point opens where there is none;
 * - Telnet listens wherever a network is up, from each start.
 * Left out: what a network does but Telnet, and Bluetooth's other services.
 */
import type { Cycle } from './espruino-cycle.js';
import type { Files } from './espruino-modules.js';
import type { Console } from './espruino-ports.js';
import { isBefore } from '../../firmware/core/board-config.js';

/** What a radio sent: on the scheduler's clock, with no end while it goes on. */
export interface Sent {
  fromMs: number;
  toMs: number | null;
  what: 'Bluetooth advertising' | 'WiFi beacon' | 'WiFi probe';
  /** What tells this board from others. */
  names: string;
}

/** Somebody who has connected. */
export interface WirelessPeer {
  /** What the board sent. */
  readonly received: string;
  type(text: string): void;
}

/** What the chip's settings keep (NVS): neither flash of ours nor Storage. */
export interface Settings {
  bluetooth: boolean;
}

/** The network that is up: it outlives `reset()` and `load()`, but no loss of power. */
export interface Network {
  mode: string;
  ssid: string;
}

export interface RadioOptions {
  cycle: Cycle;
  console: Console;
  files: Files;
  settings: Settings;
  network: Network;
  version: string;
  /** Calls that fail: "Telnet", "Bluetooth". */
  stubborn: string[];
  /** Notes what begins to be sent; the entry stays open. */
  send(what: Sent['what'], names: string): Sent;
  nowMs(): number;
  restart(): void;
}

export interface Radio {
  modules: Record<string, object>;
  globals: Record<string, unknown>;
  /** Whether a radio is on, which feeds the random register. */
  isOn(): boolean;
  /** What the interpreter does after power-up when its boot files have run. */
  restoreWifi(): void;
  /** Somebody connects by Bluetooth; null where nobody can. */
  connectBluetooth(): WirelessPeer | null;
  /** The same by Telnet. */
  connectTelnet(): WirelessPeer | null;
  /** Power is gone. */
  end(): void;
}

const MAC = 'c4:4f:33:00:11:22';
/** How long services take to be registered, and a radio to be on. */
const REGISTER_MS = 20;
const START_MS = 100;
/** The first build that opens no access point by itself. */
const CLOSED_BUILD = 271;
const WIFI_FILE = '.wificfg';

/** The radios of one power cycle, as the interpreter starts them. */
export function createRadio(options: RadioOptions): Radio {
  const { cycle, console, settings, files, network } = options;
  const wire = console.on;
  let advertising: Sent | null = null;
  let beacon: Sent | null = null;
  // What the program is told: it may be wrong (bleStatus).
  let believed = settings.bluetooth;
  let uart = true;
  let telnet = true;
  let peer: { name: string; received: string } | null = null;

  const ended = (sent: Sent | null): null => {
    if (sent) sent.toMs = options.nowMs();
    return null;
  };
  const advertise = (): void => {
    if (settings.bluetooth) advertising ??= options.send('Bluetooth advertising', `Espruino ${MAC}`);
  };
  /** Ends with advertising again, whatever a program wants. */
  const register = (): void => void cycle.after(REGISTER_MS, advertise);
  const letGo = (name: string): void => {
    if (peer?.name === name) peer = null;
    if (console.on === name && !console.forced) console.on = wire;
  };
  const stubborn = (name: string): void => {
    if (options.stubborn.includes(name)) throw new Error(`${name}: not in this build`);
  };
  const become = (next: string, ssid = ''): void => {
    Object.assign(network, { mode: next, ssid });
    beacon = next === 'ap' ? (beacon ?? options.send('WiFi beacon', `${ssid} ${MAC}`)) : ended(beacon);
    if (next === 'off') letGo('Telnet');
  };
  const later = (next: string, ssid: string, callback?: () => void): void =>
    void cycle.after(START_MS, () => {
      become(next, ssid);
      callback?.();
    });
  const probe = (): void => void ended(options.send('WiFi probe', MAC));

  function connect(name: string, isFree: boolean): WirelessPeer | null {
    if (!cycle.alive || !isFree) return null;
    const mine = { name, received: '' };
    peer = mine;
    if (!console.forced) console.on = name;
    return {
      get received() {
        return mine.received;
      },
      type(text) {
        if (cycle.alive && peer === mine && console.on === name) cycle.enter(() => console.input(text));
      },
    };
  }
  console.onWireless = (name, text) => {
    if (peer?.name === name) peer.received += text;
  };

  if (settings.bluetooth) {
    advertise();
    register();
  }
  if (network.mode !== 'off') become(network.mode, network.ssid);

  const wifi = {
    startAP: (ssid: string, _options: unknown, callback?: () => void) => later('ap', ssid, callback),
    stopAP: (callback?: () => void) => later('off', '', callback),
    disconnect: (callback?: () => void) => later('off', '', callback),
    connect: (_ssid: string, _options: unknown, callback?: () => void) => {
      probe();
      later('sta', '', callback);
    },
    scan: probe,
    getStatus: () => ({
      // As builds on ESP-IDF 3 have it (wifiModeToString of jswrap_esp32_network.c).
      mode: network.mode === 'off' ? 'NULL' : network.mode,
      station: 'off',
      ap: network.mode === 'ap' ? 'enabled' : 'disabled',
    }),
  };
  return {
    modules: {
      Wifi: wifi,
      TelnetServer: {
        setOptions(given: { mode?: string }) {
          stubborn('Telnet');
          telnet = given.mode !== 'off';
          if (!telnet) letGo('Telnet');
        },
      },
    },
    globals: {
      Bluetooth: { on: () => undefined, setConsole: () => console.move('Bluetooth', false) },
      Telnet: { on: () => undefined, setConsole: () => console.move('Telnet', false) },
      NRF: {
        sleep() {
          stubborn('Bluetooth');
          if (believed) advertising = ended(advertising);
          believed = false;
          letGo('Bluetooth');
        },
        wake() {
          believed = settings.bluetooth;
          advertise();
        },
        setServices(_services: object, given: { uart?: boolean } = {}) {
          stubborn('Bluetooth');
          uart = given.uart !== false;
          if (settings.bluetooth) register();
        },
        getSecurityStatus: () => ({ advertising: believed, connected: peer?.name === 'Bluetooth' }),
      },
      ESP32: {
        getState: () => ({ BLE: settings.bluetooth, Wifi: true }),
        enableBLE(enable: boolean) {
          settings.bluetooth = enable;
          files.delete('.bootcde');
          options.restart();
        },
      },
    },
    isOn: () => network.mode !== 'off' || settings.bluetooth,
    restoreWifi() {
      const stored = files.get(WIFI_FILE);
      if (stored) {
        const setting = JSON.parse(Buffer.from(stored).toString('latin1')) as { mode?: number };
        if ((setting.mode ?? 0) & 2) become('ap', 'stored');
        else if ((setting.mode ?? 0) & 1) wifi.connect('stored', {});
      } else if (isBefore(options.version, CLOSED_BUILD)) become('ap', 'ESP_001122');
    },
    connectBluetooth: () => connect('Bluetooth', advertising !== null && uart),
    connectTelnet: () => connect('Telnet', network.mode !== 'off' && telnet),
    end() {
      advertising = ended(advertising);
      beacon = ended(beacon);
    },
  };
}

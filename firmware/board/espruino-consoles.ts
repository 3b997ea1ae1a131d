/**
 * The first thing that a bundle does: the cable alone gets the interpreter's prompt.
 *
 * Espruino gives its JavaScript console, which can read keys and Balance, to whoever connects by Bluetooth (no pairing)
 * or by Telnet (wherever a network is up), unless it is forced to a port: targets/esp32/BLE/esp32_gatts_func.c,
 * libs/network/telnet/jswrap_telnet.c. It is forced to the cable here, whatever has it now; Bluetooth's UART service,
 * its advertising and Telnet are switched off as well. After each reset and each `load()` all of them are on again, and
 * this runs again. What the interpreter still does after its boot files, startup.ts looks at (`radioFault`).
 *
 * Main files import it before anything else. One of the files that may name Espruino's globals.
 */

/** What cannot be switched off, or ''. Each step is tried, whatever the one before it did. */
function closeConsoles(): string {
  let fault = '';

  function step(what: string, close: () => void): void {
    try {
      close();
    } catch (error) {
      fault = fault || what + ' in this Espruino';
    }
  }

  step('the console does not stay at the cable', function () {
    // The chip's own USB where a build has it, else the UART of the USB connector.
    const isUsb = !!global.USB;
    E.setConsole(isUsb ? global.USB : global.Serial1, { force: true });
    if (E.getConsole() !== (isUsb ? 'USB' : 'Serial1')) throw new Error('');
  });
  const bluetooth = global.NRF as EspruinoBluetooth | undefined;
  if (bluetooth) {
    step('Bluetooth cannot be switched off', function () {
      bluetooth.setServices({}, { uart: false, advertise: [] });
    });
    step('Bluetooth cannot be switched off', function () {
      bluetooth.sleep();
    });
  }
  let telnet: EspruinoTelnet | null = null;
  try {
    telnet = (require as (name: string) => unknown)('TelnetServer') as EspruinoTelnet;
  } catch (error) {
    // A build without it.
  }
  if (telnet) {
    step('Telnet cannot be switched off', function () {
      telnet!.setOptions({ mode: 'off' });
    });
  }
  return fault;
}

/** Why this board must not run, or ''. */
export const CONSOLE_FAULT = closeConsoles();

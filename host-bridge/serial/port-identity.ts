/**
 * Which port a path means, and where that board is after it was plugged in again.
 *
 * A path is a name that the system gives anew at each plug: ttyUSB0 may be ttyUSB1 then, and ttyUSB0 another board.
 * What stays is what the converter says of itself over USB: vendor, product, serial number. Many converters have no
 * serial number, or one that all of their kind share (a CP2102's "0001"), so a board is found again only where nothing
 * else that was there before could be meant.
 *
 * Left out: paths by place (/dev/serial/by-path), which mean a socket and not a board.
 */
import { existsSync, realpathSync } from 'node:fs';
import { SerialPort } from 'serialport';
import { failure } from '../base/errors.js';

/** What `SerialPort.list()` says of a port. */
export interface ListedPort {
  path: string;
  manufacturer?: string;
  /** Four hexadecimal digits. */
  vendorId?: string;
  productId?: string;
  serialNumber?: string;
  /** On Linux the name of its link in /dev/serial/by-id. */
  pnpId?: string;
}

/** How a finder looks at the machine; a test gives its own. */
export interface PortView {
  list(): Promise<ListedPort[]>;
  exists(path: string): boolean;
}

const BY_ID = '/dev/serial/by-id/';

const SYSTEM: PortView = { list: () => SerialPort.list(), exists: existsSync };

/** The device behind links; macOS has each port twice (tty.X waits for a carrier, cu.X does not) and lists one. */
function resolved(path: string): string {
  if (process.platform === 'win32') return path.replace(/^\\\\\.\\/, '').toUpperCase();
  try {
    path = realpathSync(path);
  } catch {
    // One that is gone has only its name.
  }
  return path.replace(/^\/dev\/cu\./, '/dev/tty.');
}

/** Whether two paths mean one port. */
export function isSamePort(one: string, other: string): boolean {
  return resolved(one) === resolved(other);
}

/** The path to name to people: the link by id where it leads to this port, for it stays after a replug. */
export function lastingPath(port: ListedPort): string {
  const link = BY_ID + port.pnpId;
  return port.pnpId && isSamePort(link, port.path) ? link : port.path;
}

function isAlike(one: ListedPort, other: ListedPort): boolean {
  return (
    one.vendorId === other.vendorId && one.productId === other.productId && one.serialNumber === other.serialNumber
  );
}

/** Surely another board. A product id alone may change: a chip on its own USB has one in its loader, one outside. */
function isOther(one: ListedPort, other: ListedPort): boolean {
  if (one.vendorId === undefined || other.vendorId === undefined) return false; // the system does not know yet
  return one.vendorId !== other.vendorId || (one.productId === other.productId && !isAlike(one, other));
}

/** Finds the port of one board, each time that it is opened. */
export interface PortFinder {
  /** Where it was last. */
  readonly path: string;
  /** What was listed of it; undefined where the system knows nothing. */
  readonly known: ListedPort | undefined;
  /**
   * Where it is now: at its path, or, after a replug, where the only new port of its kind is.
   * @throws TapcashError PORT_MISSING where another board is at its path
   */
  find(): Promise<string>;
}

/** A finder for the board that is at a path when it is first found there. */
export function createPortFinder(given: string, view: PortView = SYSTEM): PortFinder {
  let path = given;
  let known: ListedPort | undefined;
  /** Ports of the same kind that were there with it: none of them is it. */
  let others: string[] = [];

  const finder: PortFinder = {
    get path() {
      return path;
    },
    get known() {
      return known;
    },
    async find() {
      const ports = await view.list().catch(() => []);
      // The name that was given counts first: a link by id leads to the board wherever it is.
      const named = [given, path].find((name) => process.platform === 'win32' || view.exists(name));
      const there = ports.find((port) => named !== undefined && isSamePort(port.path, named));
      if (!known) {
        known = there?.vendorId === undefined ? undefined : there;
        others = ports.filter((port) => known && port !== known && isAlike(port, known)).map((port) => port.path);
        return path;
      }
      const board = known;
      if (there && isAlike(there, board) && !others.includes(there.path)) return (path = named!);
      const places = ports.filter((port) => isAlike(port, board) && !others.includes(port.path));
      if (places.length === 1) return (path = places[0].path);
      if (there && isOther(there, board)) throw failure('PORT_MISSING', `${named}: another board is there now`);
      return (path = named ?? given);
    },
  };
  return finder;
}

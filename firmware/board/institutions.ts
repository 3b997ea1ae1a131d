/**
 * The houses that a board was provisioned with: whether its root has signed them, and their tables.
 *
 * The check itself lies in Storage's 'root.js', for it is wanted once a boot (pinned-root.ts).
 */
import type { SignedInstitutions } from '../core/provisioned.js';
import { SIGNED, signedBytes } from '../wire/signed.js';
import { followedBy } from '../wire/succession.js';
import type { RunningBoard } from './espruino-board.js';
import { rootFault } from './pinned-root.js';
import type { BoardRecords, StorageModule } from './startup.js';

/** What checks any key's signature. */
interface Checks {
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/**
 * What is wrong with the institutions that a board was provisioned with, by its root; or ''.
 * @param curve loads what checks: asked for only where the institutions are not those of the last boot
 * @throws Error when flash fails, or the overlay is missing
 */
export function institutionsFault(
  board: Pick<RunningBoard<unknown>, 'openOverlay' | 'storage'>,
  records: BoardRecords,
  sha256: (bytes: Uint8Array) => Uint8Array,
  curve: () => Checks,
  given: SignedInstitutions,
): string {
  const root = overlay(board.openOverlay, 'root.js', function () {
    return { fault: rootFault, followedBy: followedBy };
  })();
  function isSignedBy(type: number): (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean {
    return function (publicKey, message, signature) {
      return curve().verify(publicKey, signedBytes(type, message), signature);
    };
  }
  return root.fault(
    {
      storage: board.storage,
      records: records,
      sha256: sha256,
      verify: isSignedBy(SIGNED.institutions),
      followedBy: function (key, notices) {
        return root.followedBy(key, notices, isSignedBy(SIGNED.succession));
      },
    },
    given,
  );
}

/** A table that was made at provisioning. @throws Error when Storage does not have it */
export function readTable(storage: StorageModule, name: string): ArrayBuffer {
  const table = storage.readArrayBuffer(name);
  if (!table) throw new Error('no file ' + name + ' in Storage: provision again');
  return table;
}

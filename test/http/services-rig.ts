/**
 * Trustee and issuer as services on free ports of this machine, for tests.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Issuer } from '../../host-bridge/houses/issuer/issuer.js';
import type { IssuerOffice, Remote, TrusteeService } from '../../host-bridge/base/services/procedures.js';
import { createIssuerClient, createOfficeClient, createTrusteeClient } from '../../host-bridge/http/client.js';
import { writeKeyFile } from '../../host-bridge/base/keys/key-file.js';
import { startIssuer, startTrustee, type RunningService } from '../../host-bridge/services/start.js';
import {
  good,
  ISSUER,
  issuerSigner,
  registrarSigner,
  rsOf,
  seedOf,
  signerOf,
  START_S,
  type Person,
} from '../kit/people.js';
import { PATIENT_MS } from '../kit/patience.js';

export const operator = signerOf('operator');
export const terminal = signerOf('terminal');

export interface Services {
  dataDir: string;
  issuer: RunningService<Issuer>;
  trustee: RunningService<TrusteeService>;
  issuerClient: ReturnType<typeof createIssuerClient>;
  trusteeClient: ReturnType<typeof createTrusteeClient>;
  office: Remote<IssuerOffice>;
  clock: { nowS: number };
  /** Opens an account with its key and puts money in. */
  open(who: Person, amount?: number): Promise<Uint8Array>;
  /** Opens a shop's account with one terminal. */
  shop(name: string): Promise<void>;
  end(): Promise<void>;
}

/** A data folder with the keys of test/kit/people.ts, so that its messages are good here. */
export function dataDirWithKeys(): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'tapcash-'));
  writeKeyFile(join(dataDir, 'issuer.key'), seedOf('issuer'));
  writeKeyFile(join(dataDir, 'trustee.key'), seedOf('registrar'));
  return dataDir;
}

/** @param options `dataDir` keeps an existing folder */
export async function startServices(options: { dataDir?: string; log?: Logger } = {}): Promise<Services> {
  const dataDir = options.dataDir ?? dataDirWithKeys();
  const clock = { nowS: START_S };
  // Time moves for both clocks of the machine, as it does in life.
  const now = () => clock.nowS;
  const place = { dataDir, clock: now, monotonic: now, ...(options.log ? { log: options.log } : {}) };
  const issuer = await startIssuer({
    ...place,
    registrarKey: registrarSigner.publicKey,
    operatorKeys: [operator.publicKey],
  });
  const trustee = await startTrustee({ ...place, issuerKey: issuerSigner.publicKey });
  const office = createOfficeClient({ url: issuer.url, operator, issuer: ISSUER, timeoutMs: PATIENT_MS });
  return {
    ...{ dataDir, issuer, trustee, office, clock },
    issuerClient: createIssuerClient({ url: issuer.url, timeoutMs: PATIENT_MS }),
    trusteeClient: createTrusteeClient({ url: trustee.url, timeoutMs: PATIENT_MS }),
    async open(who, amount = 0) {
      const { certificate } = good(await office.openAccount(who.name, who.account.publicKey));
      if (amount > 0) good(await office.fundAccount(who.name, amount));
      return certificate as Uint8Array;
    },
    async shop(name) {
      good(await office.openAccount(name, null));
      good(await office.registerTerminal(name, rsOf(0).subarray(0, 4), terminal.publicKey));
    },
    async end() {
      await issuer.close();
      await trustee.close();
      if (!options.dataDir) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

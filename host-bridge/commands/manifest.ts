/** `tapcash manifest`: the keys that boards are provisioned with, signed by the issuer as their root. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemeOf, type Scheme } from '../../firmware/core/scheme.js';
import { currentFacts } from '../../flash-scripts/provision/current-facts.js';
import { parseManifest, sealsRequests, signManifest, type Manifest } from '../../flash-scripts/provision/manifest.js';
import { issuerIdOf } from '../base/crypto/signer.js';
import { linesFrom } from '../base/keys/succession.js';
import { firstKey, houseSigner, houseUnsealer } from '../services/house-keys.js';
import { noticesIn } from '../services/rotate.js';
import { print, schemeArgument } from './output.js';
import { currencyArgument } from './settings-arguments.js';

/** Signs the keys of a scheme's institutions, which lie in the data folder, by the issuer's. @returns path and all */
export async function writeManifest(
  dataDir: string,
  row: Scheme,
  currency: string,
): Promise<{ path: string; manifest: Manifest }> {
  const nowS = Math.floor(Date.now() / 1000);
  const issuerKey = firstKey(dataDir, 'issuer');
  const registrarKey = row.licenseFrom === 'issuer' ? issuerKey : firstKey(dataDir, 'trustee');
  const successions = noticesIn(dataDir);
  const { issuer } = linesFrom({ issuerKey, registrarKey }, successions);
  const root = houseSigner(dataDir, 'issuer', issuer, () => nowS);
  const sealKey = sealsRequests(row) ? (await houseUnsealer(dataDir, issuer, () => nowS)).publicKey : null;
  const facts = currentFacts(
    { issuer: issuerIdOf(issuerKey), currency, issuerKey, registrarKey, scheme: row.number, sealKey, successions },
    nowS,
  );
  const path = join(dataDir, 'manifest.json');
  const before = existsSync(path) ? parseManifest(readFileSync(path, 'utf8')) : null;
  const manifest = signManifest(facts, root, before, successions);
  writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`);
  return { path, manifest };
}

/** `tapcash manifest`. */
export async function signManifestFile(options: {
  data: string;
  scheme: string;
  currency: string;
  json?: boolean;
}): Promise<void> {
  const row = schemeOf(schemeArgument(options.scheme));
  const { path, manifest } = await writeManifest(options.data, row, currencyArgument(options.currency));
  print(options.json, { ok: true, path, ...manifest }, `${path}: version ${manifest.version}, root\n${manifest.root}`);
}

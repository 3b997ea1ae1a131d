/** X25519 and HPKE of the board against the RFCs' vectors, node:crypto and @hpke/core. */
import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { edwardsOfX25519, makeCombTable, SEAL_SHAPE } from '../../flash-scripts/provision/tables.js';
import { openCombTable } from '../../firmware/crypto/comb-table.js';
import { createEdwards } from '../../firmware/crypto/edwards.js';
import { hkdfExpand, hkdfExtract } from '../../firmware/crypto/hkdf.js';
import { createSealer } from '../../firmware/crypto/hpke.js';
import { createScalars } from '../../firmware/crypto/scalar.js';
import { createX25519 } from '../../firmware/crypto/x25519.js';
import { aesBlocks } from '../../host-bridge/base/crypto/node-natives.js';
import { baseTable, bytes, checked, hex, plain, random } from './crypto-kit.js';

const base = openCombTable(baseTable);
const x25519 = createX25519(createEdwards(plain), createScalars(plain));
const tableFor = (publicKey: Uint8Array) => openCombTable(makeCombTable(SEAL_SHAPE, edwardsOfX25519(publicKey)));

test('HKDF: RFC 5869 A.1 and A.3', () => {
  const first = hkdfExtract(plain, bytes('000102030405060708090a0b0c'), [new Uint8Array(22).fill(11)]);
  expect(hex(first)).toBe('077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5');
  const info = [bytes('f0f1f2f3f4'), bytes('f5f6f7f8f9')];
  expect(hex(hkdfExpand(plain, first, info, 42))).toBe(
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  );
  const third = hkdfExtract(plain, new Uint8Array(0), [new Uint8Array(22).fill(11)]);
  expect(hex(hkdfExpand(plain, third, [], 42))).toBe(
    '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  );
});

test('X25519: RFC 7748 6.1', () => {
  const bob = tableFor(bytes('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'));
  const alice = bytes('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a');
  const results = x25519.multiplyTwo(alice, random(32), base, bob).map(hex);
  expect(results[0]).toBe('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
  expect(results[1]).toBe('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742');
});

test('HPKE: RFC 9180 A.1.1', () => {
  const peer = tableFor(bytes('3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d'));
  const sealer = createSealer(plain, aesBlocks, x25519, base, peer);
  const encapsulation = sealer.encapsulate(
    bytes('52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736'),
    random(32),
  );
  expect(hex(encapsulation.enc)).toBe('37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431');
  expect(hex(encapsulation.sharedSecret!)).toBe('fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc');
  const info = bytes('4f6465206f6e2061204772656369616e2055726e');
  const sealed = sealer.seal(
    encapsulation,
    info,
    bytes('436f756e742d30'),
    bytes('4265617574792069732074727574682c20747275746820626561757479'),
  );
  expect(hex(sealed)).toBe(
    'f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a',
  );
  expect(() => sealer.seal(encapsulation, info, info, info)).toThrow('used before');
});

test('X25519 with node:crypto: 40 keys, and no sum is inexact', () => {
  const exact = createX25519(createEdwards(checked), createScalars(checked));
  for (let i = 0; i < 40; i++) {
    const peer = generateKeyPairSync('x25519');
    const publicKey = new Uint8Array(Buffer.from(peer.publicKey.export({ format: 'jwk' }).x!, 'base64url'));
    const table = tableFor(publicKey);
    expect(hex(x25519.publicKeyOf(table))).toBe(hex(publicKey));
    const secret = random(32);
    const own = createPrivateKey({
      key: Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), secret]),
      format: 'der',
      type: 'pkcs8',
    });
    const [enc, shared] = (i < 2 ? exact : x25519).multiplyTwo(secret, random(32), base, table);
    expect(hex(enc!)).toBe(Buffer.from(createPublicKey(own).export({ format: 'jwk' }).x!, 'base64url').toString('hex'));
    expect(hex(shared!)).toBe(diffieHellman({ privateKey: own, publicKey: peer.publicKey }).toString('hex'));
  }
});

test('what the board seals, @hpke/core opens', async () => {
  const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() });
  for (let i = 0; i < 10; i++) {
    const pair = await suite.kem.generateKeyPair();
    const sealer = createSealer(
      plain,
      aesBlocks,
      x25519,
      base,
      tableFor(new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey))),
    );
    const [info, additional, message] = [random(i * 3), random(i * 5), random(i * 17)];
    const encapsulation = sealer.encapsulate(random(32), random(32));
    const enc = encapsulation.enc;
    const sealed = sealer.seal(encapsulation, info, additional, message);
    const recipient = await suite.createRecipientContext({
      recipientKey: pair.privateKey,
      enc: enc.slice().buffer,
      info: info.slice().buffer,
    });
    expect(hex(new Uint8Array(await recipient.open(sealed.slice().buffer, additional.slice().buffer)))).toBe(
      hex(message),
    );
  }
});

test('a key outside the group of prime order gets no table', () => {
  for (const u of ['00', '01']) expect(() => edwardsOfX25519(bytes(u.padEnd(64, '0')))).toThrow();
});

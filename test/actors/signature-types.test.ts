/**
 * No signature of one type is valid as another: each place that takes a signature is offered, over the very same bytes, a
 * signature of every other type by the right key.
 */
import { rsOf, createWorld, good, historyOf, ISSUER, issuerSigner, licenseOf, person, registrarSigner, registrationOf, signerOf, tombstoneOf, withdrawalOf, type World } from './world.js';
import { copy, toHex } from '../../firmware/core/bytes.js';
import { LICENSE_BODY_BYTES, LICENSE_BYTES } from '../../firmware/wire/payment.js';
import { SIGNED } from '../../firmware/wire/signed.js';
import type { Signer } from '../../host-bridge/actors/signer.js';
import type { Result } from '../../host-bridge/errors.js';
import { encodeOperatorRequest, operatorIdOf, readOperatorRequest } from '../../host-bridge/http/operator-requests.js';
import { OPERATOR_HEADERS } from '../../host-bridge/http/schemas.js';

const ada = person('Ada');
const terminal = signerOf('terminal');
const operator = signerOf('operator');
let world: World;
let certificate: Uint8Array;

beforeEach(() => {
  world = createWorld();
  certificate = world.open(ada, 100);
  world.shop('Shop');
  good(world.office.registerTerminal('Shop', rsOf(0).subarray(0, 4), terminal.publicKey));
});
afterEach(() => world.close());

/** `bytes` with the signature at `at` made anew, of `type`, over the `signed` part. */
function resigned(bytes: Uint8Array, at: number, signer: Signer, type: number, signed: Uint8Array): Uint8Array {
  const out = copy(bytes, 0, bytes.length);
  out.set(signer.sign(type, signed), at);
  return out;
}

interface Place {
  /** The type that belongs there. */
  type: number;
  /** Offers a signature of `type`. */
  offer(type: number): Result<unknown>;
}

const places: Record<string, Place> = {
  'license in a history': {
    type: SIGNED.license,
    offer(type) {
      const license = licenseOf(ada.pku);
      const forged = resigned(license, LICENSE_BODY_BYTES, registrarSigner, type, license.subarray(0, LICENSE_BODY_BYTES));
      return world.issuer.deposit(historyOf(ada, 'Shop', 5, rsOf(1), {}, { license: forged }));
    },
  },
  'payment in a history': {
    type: SIGNED.payment,
    offer(type) {
      const h = historyOf(ada, 'Shop', 5, rsOf(1));
      return world.issuer.deposit(resigned(h, LICENSE_BYTES, ada.token, type, h.subarray(LICENSE_BYTES + 64)));
    },
  },
  'account signature of a withdrawal': {
    type: SIGNED.withdrawal,
    offer(type) {
      const request = withdrawalOf(ada, 1, 5);
      return world.issuer.withdraw(resigned(request, 0, ada.account, type, request.subarray(128)));
    },
  },
  'proof of a withdrawal': {
    type: SIGNED.withdrawalProof,
    offer(type) {
      const request = withdrawalOf(ada, 1, 5);
      return world.issuer.withdraw(resigned(request, 64, ada.token, type, request.subarray(128)));
    },
  },
  'account signature of a registration': {
    type: SIGNED.registration,
    offer(type) {
      const request = registrationOf(ada);
      return world.trustee.register(resigned(request, 0, ada.account, type, request.subarray(128)), certificate);
    },
  },
  'proof of a registration': {
    type: SIGNED.registrationProof,
    offer(type) {
      const request = registrationOf(ada);
      return world.trustee.register(resigned(request, 64, ada.token, type, request.subarray(128)), certificate);
    },
  },
  'account certificate': {
    type: SIGNED.account,
    offer: (type) => world.trustee.register(registrationOf(ada), resigned(certificate, 0, issuerSigner, type, certificate.subarray(64))),
  },
  tombstone: {
    type: SIGNED.tombstone,
    offer(type) {
      const stone = tombstoneOf(terminal, 'Shop', rsOf(7));
      return world.issuer.tombstone(resigned(stone, 0, terminal, type, stone.subarray(64)));
    },
  },
  "operator's request": {
    type: SIGNED.operatorRequest,
    offer(type) {
      const id = new Uint8Array(16).fill(7);
      const signature = operator.sign(type, encodeOperatorRequest(ISSUER, id, 'POST', '/v1/office/numbers', '{}'));
      const headers = { [OPERATOR_HEADERS.requestId]: toHex(id), [OPERATOR_HEADERS.operator]: operatorIdOf(operator.publicKey), [OPERATOR_HEADERS.signature]: toHex(signature) };
      return readOperatorRequest([operator.publicKey], ISSUER, { method: 'POST', url: '/v1/office/numbers', headers, body: '{}' });
    },
  },
};

const cases = Object.keys(places).flatMap((place) => Object.entries(SIGNED).map(([name, type]) => [place, name, type] as const));

test.each(cases)('%s: a signature of type %s', (name, _typeName, type) => {
  const place = places[name] as Place;
  expect(place.offer(type).ok).toBe(type === place.type);
});

/**
 * What is signed. Every signed message is a domain tag (product, version, type) followed by the message's bytes, so
 * that no signature of one type is valid as another.
 */
/** Version of all formats in firmware/wire. */
export const WIRE_VERSION = 2;

/** Types of signed messages, with who signs. Numbers are never reused. */
export const SIGNED = {
  license: 1, // SKR(PKU) by the registrar [0015]
  payment: 2, // SKU(y, IdS, Rs, Ts) by the token's pseudonym key [0025]
  receipt: 3, // SKI(PKU, x) by the issuer [0018]
  registration: 4, // (PKU, IdU) by the account key
  registrationProof: 5, // the same by SKU: proof of possession
  account: 6, // account certificate (IdU, account key) by who keeps the accounts
  withdrawal: 7, // (PKU, IdU, x) by the account key [0017]
  withdrawalProof: 8, // the same by SKU
  time: 9, // by the issuer
  denyList: 10, // by the issuer
  tombstone: 11, // (IdS, Rs) by the terminal's key
  operatorRequest: 12, // an operator's HTTP request
  ownedRequest: 13, // name, amount and hash of a sealed, keyed or blinded request, by the account key
  pseudonymProof: 14, // proof of possession in a sealed registration, by SKU
  issue: 15, // (PKU, x) in a sealed or keyed withdrawal, by SKU
  couponKeys: 16, // the list of PKBx, by the issuer
  bankMessage: 17, // SKB: what the bank passes on [0094]
  issuerReply: 18, // SKI: what the issuer answers to it [0095]
  bankRequest: 19, // the bank's HTTP request to the issuer
  issuerAnswer: 20, // the issuer's HTTP reply to the bank
  traceOrder: 21, // the issuer's statement that an EBC is negative: what opens a name elsewhere
  refund: 22, // (PKU, IdS, Rs, amount, refund id) by a terminal of the shop
  possession: 23, // 32 bytes of whoever provisions a board, by each key that it shows
  institutions: 24, // keys and tables that boards are provisioned with, by the root that they have pinned
  release: 25, // what is left of a lost token, by the issuer for the bank
  succession: 26, // another key follows, by the house's old one
  couponRefusal: 27, // that a blinded message will never be signed: RSASSA-PSS with the key that would have signed it
  retired: 32, // that a terminal's place was taken, or was not, by the issuer
  image: 33, // role, board and hashes of a program's files, by the root (flash-scripts/provision/program-image.ts)
};

/** Bytes of the domain tag: "tapcash", version, type. */
export const TAG_BYTES = 9;

/** The bytes that are signed: tag, then the message. @param type one of `SIGNED` */
export function signedBytes(type: number, message: Uint8Array): Uint8Array {
  const out = new Uint8Array(TAG_BYTES + message.length);
  out.set([116, 97, 112, 99, 97, 115, 104, WIRE_VERSION, type]);
  out.set(message, TAG_BYTES);
  return out;
}

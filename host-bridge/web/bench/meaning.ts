/** What a message on the air means: its name, and its fields as the codecs of firmware/wire lay them out. */
import { fromHex, toHex } from '../../../firmware/core/bytes.js';
import { codeOfStatusWord, SW_OK } from '../../../firmware/core/codes.js';
import type { Codec } from '../../../firmware/wire/codec.js';
import { challenge, chargeId, license, LICENSE_BYTES, licenseBody, payment } from '../../../firmware/wire/payment.js';
import { INS, recallRequest, selectAnswer, tokenStatus } from '../../../firmware/wire/token-commands.js';
import type { ApduEvent } from './bench-events.js';

/** A field: its name, how it reads, and its place in the message. */
export interface FieldText {
  name: string;
  value: string;
  /** Kind of the layout, with the length of what has none of its own. */
  kind: string;
}

/** A message, explained. */
export interface Meaning {
  name: string;
  /** In a sentence, for who knows nothing. */
  says: string;
  fields: FieldText[];
}

const SAYS: Record<string, [command: string, answer: string]> = {
  select: ['Is there a tapcash token?', 'Yes, and this is how I speak.'],
  open: ['The shop names its charge.', 'The token shows its license: a pseudonym, no name.'],
  multiples: ['The shop asks for help to check signatures.', 'Points that make the check faster.'],
  challenge: ['Sign this amount, to this shop, now.', 'Debited, and signed. From here on the money is spent once.'],
  ack: ['The shop has the payment on its flash.', 'Settled.'],
  recall: ['Do you have a payment that we never acknowledged?', 'Yes, this one.'],
  status: ['How much is on you?', 'What the token says of itself.'],
  receipt: ['Here is a receipt of the issuer.', 'Taken.'],
};

const COMMANDS: Record<string, Codec<unknown>> = {
  open: chargeId,
  challenge,
  ack: chargeId,
  recall: recallRequest,
};
const ANSWERS: Record<string, Codec<unknown>> = { select: selectAnswer, challenge: payment, status: tokenStatus };

const nameOf = (ins: number): string =>
  ins < 0 ? 'select' : (Object.entries(INS).find(([, number]) => number === ins)?.[0] ?? `0x${ins.toString(16)}`);

function textOf(kind: string, value: unknown, money: (minor: number) => string): string {
  if (value instanceof Uint8Array) return toHex(value);
  return kind === 'amount' || kind === 'balance' ? money(Number(value)) : String(value);
}

function fieldsOf(codec: Codec<unknown>, bytes: Uint8Array, money: (minor: number) => string): FieldText[] {
  const message = codec.decode(bytes) as Record<string, unknown> | null;
  if (!message) return [];
  return codec.layout.split(' ').map((field) => {
    const [name, kind, length] = field.split(',');
    return { name, kind: length ? `${kind} ${length}` : kind, value: textOf(kind, message[name], money) };
  });
}

/** An answer to OPEN: the license, what it says, and how many debits wait. */
function openFields(bytes: Uint8Array, money: (minor: number) => string): FieldText[] {
  const outer = license.decode(bytes.slice(0, LICENSE_BYTES));
  if (!outer) return [];
  return [
    ...fieldsOf(licenseBody, outer.body, money),
    { name: 'signature', kind: 'bytes 64', value: toHex(outer.signature) },
    { name: 'unacknowledged', kind: 'u8', value: String(bytes[LICENSE_BYTES] ?? 0) },
  ];
}

/** Explains a message. @param money text of an amount */
export function meaningOf({ ins, toCard, data, sw }: ApduEvent, money: (minor: number) => string): Meaning {
  const name = nameOf(ins);
  const bytes = fromHex(data) ?? new Uint8Array(0);
  const says = SAYS[name]?.[toCard ? 0 : 1] ?? '';
  if (sw !== null && sw !== SW_OK) {
    const code = codeOfStatusWord(sw);
    if (name === 'recall' && code === 'NO_CHARGE')
      return { name: 'answer to RECALL', says: 'No, nothing is left.', fields: [] };
    return { name: `${name}: ${code}`, says: `The token refuses: ${code}.`, fields: [] };
  }
  const codec = (toCard ? COMMANDS : ANSWERS)[name];
  const fields = !toCard && name === 'open' ? openFields(bytes, money) : codec ? fieldsOf(codec, bytes, money) : [];
  return { name: toCard ? name.toUpperCase() : `answer to ${name.toUpperCase()}`, says, fields };
}

/**
 * Every message of firmware/wire by name, found by looking: a codec that is exported is a message.
 */
import { fc } from '../kit/properties.js';
import * as payment from '../../firmware/wire/payment.js';
import * as withdrawal from '../../firmware/wire/withdrawal.js';
import * as refund from '../../firmware/wire/refund.js';
import * as registration from '../../firmware/wire/registration.js';
import * as request from '../../firmware/wire/request.js';
import * as institutions from '../../firmware/wire/institutions.js';
import * as succession from '../../firmware/wire/succession.js';
import * as notices from '../../firmware/wire/notices.js';
import * as tokenCommands from '../../firmware/wire/token-commands.js';
import * as linkMessages from '../../firmware/wire/link/link-messages.js';
import type { Codec, Field } from '../../firmware/wire/codec.js';
import { isName, tidyName } from '../../firmware/wire/name.js';
import { AMOUNT_MAX } from '../../firmware/core/amount.js';

/** Module name, message name, codec. */
export type Layout = { module: string; name: string; codec: Codec<any> };

const modules: Record<string, object> = {
  payment,
  withdrawal,
  refund,
  registration,
  request,
  institutions,
  succession,
  notices,
  'token-commands': tokenCommands,
  'link/link-messages': linkMessages,
};

/** All messages, in the order of their modules. */
export const layouts: Layout[] = Object.entries(modules).flatMap(([module, exported]) =>
  Object.entries(exported)
    .filter(([, value]) => typeof value === 'object' && value !== null && 'layout' in value)
    .map(([name, codec]) => ({ module, name, codec: codec as Codec<any> })),
);

/** The fields of a message. */
export function fieldsOf(codec: Codec<any>): Field[] {
  return codec.layout.split(' ').map((field) => {
    const [name, kind, length] = field.split(',') as [string, string, string?];
    return (length ? [name, kind, Number(length)] : [name, kind]) as Field;
  });
}

/** Names as somebody may be given them, in letters of any script. */
export const anyName = fc.string({ unit: 'binary', minLength: 1, maxLength: 64 }).map(tidyName).filter(isName);

const anyAmount = fc.oneof(
  fc.integer({ min: 1, max: 1000 }),
  fc.maxSafeInteger().map(Math.abs),
  fc.constant(AMOUNT_MAX),
);

function anyField([, kind, length]: Field): fc.Arbitrary<unknown> {
  if (kind === 'u8') return fc.integer({ min: 0, max: 255 });
  if (kind === 'u32') return fc.integer({ min: 0, max: 0xffffffff });
  if (kind === 'amount') return anyAmount.filter((amount) => amount > 0);
  if (kind === 'balance') return anyAmount;
  if (kind === 'name') return anyName;
  if (kind === 'ascii')
    return fc
      .array(fc.constantFrom('A', 'Z', '!', '~'), { minLength: length, maxLength: length })
      .map((a) => a.join(''));
  if (kind === 'rest') return fc.uint8Array({ maxLength: 80 });
  return fc.uint8Array({ minLength: length, maxLength: length });
}

/** Messages of a layout. */
export function anyMessage(codec: Codec<any>): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(Object.fromEntries(fieldsOf(codec).map((field) => [field[0], anyField(field)])));
}

/** The layout as a table of docs/protocol.md. */
export function layoutTable({ module, name, codec }: Layout): string {
  let at = 0;
  let fixed = true;
  const rows = fieldsOf(codec).map(([field, kind, length]) => {
    const own: Record<string, string> = { u8: '1', u32: '4', amount: '8', balance: '8', name: '2 to 65', rest: 'rest' };
    const bytes = own[kind] ?? String(length);
    const row = `| ${fixed ? at : '...'} | ${bytes} | ${field} | ${kind} |`;
    if (/^\d+$/.test(bytes)) at += Number(bytes);
    else fixed = false;
    return row;
  });
  return [
    `### ${name} (wire/${module}.ts)`,
    '',
    '| offset | bytes | field | kind |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}

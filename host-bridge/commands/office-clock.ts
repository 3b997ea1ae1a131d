/**
 * `tapcash office clock`: what each house takes for the time, and `confirm`: an operator's word that its clock is
 * right. The operator's own clock must agree: look at a third one first.
 */
import { schemeOf } from '../../firmware/core/scheme.js';
import { failure, must } from '../base/errors.js';
import { serviceKey } from '../base/keys/key-file.js';
import { table } from '../base/text-table.js';
import { createClockClient, createIssuerClient } from '../http/client.js';
import { moment, print } from './output.js';
import { TRUSTEE_URL } from './settings.js';
import { mustBeOperator, type OfficeCommand } from './office.js';

/** `tapcash office clock [confirm]`. @returns whether no house doubts its clock any longer */
export async function officeClock(
  act: string | undefined,
  options: OfficeCommand & { why?: string },
): Promise<boolean> {
  if (act !== undefined && act !== 'confirm')
    throw failure('USAGE', `office clock ${act}: confirm expected, or nothing`);
  mustBeOperator(options.data);
  const { parameters } = must(await createIssuerClient({ url: options.issuerUrl }).parameters());
  const scheme = schemeOf(parameters.scheme);
  const operator = serviceKey(options.data, 'operator');
  const urls: [string, string][] = [
    ['issuer', options.issuerUrl],
    ...(scheme.accountsAt === 'bank' ? ([['bank', options.bankUrl]] as [string, string][]) : []),
    ...(scheme.licenseFrom === 'trustee'
      ? ([['trustee', options.trusteeUrl ?? TRUSTEE_URL]] as [string, string][])
      : []),
  ];
  const houses = [];
  for (const [house, url] of urls) {
    const client = createClockClient({ url, operator, issuer: parameters.issuer });
    const before = must(await client.health());
    if (act === 'confirm' && before.clock.doubt !== null)
      must(await client.confirm(Math.floor(Date.now() / 1000), options.why ?? 'the clocks agree'));
    const { clock, restored } = must(await client.health());
    houses.push({ house, ...clock, restored, confirmed: before.clock.doubt !== null && clock.doubt === null });
  }
  const isGood = houses.every(({ doubt }) => doubt === null);
  const rows = houses.map(({ house, timeS, doubt, confirmed }) => [
    house,
    moment(timeS),
    doubt ? `DOUBTED: ${WORDS[doubt]}` : confirmed ? 'confirmed' : 'good',
  ]);
  const restored = houses.flatMap(({ house, restored: line }) =>
    line?.backupS ? [`${house}: restored from the backup of ${moment(line.backupS)}; acts since are missing`] : [],
  );
  print(options.json, { ok: isGood, houses }, [...table(rows, { indent: 0 }), ...restored].join('\n'));
  return isGood;
}

const WORDS = {
  jumped: 'it ran away from the time that passed',
  behind: 'it is before the newest row of the books',
  ahead: 'it is 30 days past the newest row of the books',
} as const;

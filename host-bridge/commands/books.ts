/** `tapcash audit`, `tapcash linkage`: what is found in the books of the houses of a folder. */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { audit, type AuditReport } from '../audit/audit.js';
import { table } from '../base/text-table.js';
import { linkage, linkageText } from '../audit/linkage.js';
import { failure } from '../base/errors.js';
import { moneyText } from '../base/money.js';
import { day, moment, print } from './output.js';

/** Whether a file is there. @throws TapcashError FILE_DENIED: this user may not look */
function isThere(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EACCES') throw failure('FILE_DENIED', path, thrown);
    return false;
  }
}

/** The databases of the houses that keep them in one folder, as in a demo. @throws TapcashError FILE_* */
export function databasesIn(data: string) {
  const house = (name: string) => join(data, `${name}.db`);
  if (!isThere(house('issuer'))) throw failure('FILE_MISSING', house('issuer'));
  return {
    issuerDatabase: house('issuer'),
    ...(isThere(house('bank')) ? { bankDatabase: house('bank') } : {}),
    ...(isThere(house('trustee')) ? { trusteeDatabase: house('trustee') } : {}),
  };
}

/** `tapcash audit`. @returns whether nothing is broken */
export function auditCommand(options: { data: string; json?: boolean }): boolean {
  const report = audit({
    ...databasesIn(options.data),
    onProgress: (table, rows) =>
      void (!options.json && process.stderr.isTTY && process.stderr.write(`  ${table}: ${rows}\n`)),
  });
  print(options.json, report, auditText(report));
  return report.ok;
}

/** `tapcash linkage`. */
export function linkageCommand(options: { data: string; json?: boolean }): void {
  const databases = databasesIn(options.data);
  const parties = linkage(databases);
  print(options.json, { ok: true, parties }, linkageText(parties));
}

function auditText(report: AuditReport): string {
  const rows = table(
    Object.entries(report.rows).map(([name, count]) => [name, String(count), 'checked']),
    { align: 'lr', indent: 2 },
  );
  const broken = report.broken.map((row) => `  BROKEN ${row.database} ${row.table} ${row.row}: ${row.problem}`);
  const changed = report.keys.filter(({ fromS, untilS }) => fromS > 0 || untilS !== null);
  const keys = table(
    changed.map(({ house, key, fromS, untilS }) => [
      `key of the ${house}`,
      key.slice(0, 16),
      `signed ${fromS > 0 ? `from ${day(fromS)}` : 'first'}${untilS === null ? '' : `, taken until ${day(untilS)}`}`,
    ]),
    { indent: 2 },
  );
  const lines = report.lines.map(({ database, beganS, backupS, why }) =>
    backupS === null
      ? `  The loss of the ${database}'s database was accepted at ${moment(beganS)}: ${why ?? ''}`
      : `  The ${database}'s database was restored at ${moment(beganS)} from the backup of ${moment(backupS)}.\n` +
        '  Acts between the two are missing until whoever holds them brings them.',
  );
  const kept = report.in === report.held ? 'conservation holds' : 'CONSERVATION BROKEN';
  return [
    ...rows,
    ...keys,
    ...lines,
    ...broken,
    `${report.ok ? 'The books are right' : `${report.broken.length} rows are broken`}: ${kept}, put in ${moneyText(report.in, report.currency)}, held ${moneyText(report.held, report.currency)}.`,
  ].join('\n');
}

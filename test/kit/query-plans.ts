import Sqlite from 'better-sqlite3';

/** A query with a value in it: it is asked again for another row. */
const HAS_VALUE = /\?|x'[0-9a-f]{2,}'/;

/** Tables of a few rows, however much is paid; and what stands in the query itself. */
const SMALL = /^SCAN (sqlite_schema|epochs|k VIRTUAL TABLE|json_each VIRTUAL TABLE)\b/;

/**
 * Which queries with a value go through a whole table, of all that are made while something runs.
 * @returns its result, how many queries have a value, and the plan of each scan with its query
 */
export function watchScans<T>(run: () => T): { result: T; queries: number; scans: string[] } {
  const asked = new Map<string, Set<string>>();
  const prepare = Sqlite.prototype.prepare;
  const spy = jest.spyOn(Sqlite.prototype, 'prepare').mockImplementation(function (this: Sqlite.Database, sql: string) {
    if (HAS_VALUE.test(sql)) asked.set(this.name, (asked.get(this.name) ?? new Set()).add(sql));
    return prepare.call(this, sql) as never;
  });
  let result: T;
  try {
    result = run();
  } finally {
    spy.mockRestore();
  }
  const scans: string[] = [];
  for (const [path, queries] of asked) {
    const database = new Sqlite(path, { readonly: true });
    for (const sql of queries) {
      const plan = database.prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql.replaceAll('?', 'NULL')}`).all();
      for (const { detail } of plan)
        if (detail.startsWith('SCAN') && !SMALL.test(detail)) scans.push(`${detail}: ${sql}`);
    }
    database.close();
  }
  return { result, queries: [...asked.values()].reduce((sum, { size }) => sum + size, 0), scans };
}

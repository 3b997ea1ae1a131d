/**
 * `tapcash office serve`: the office as a page. Each act of the page is the command of the same name, with the folder's
 * `acts.db`: what lost its answer there is finished here, and the other way round.
 */
import { existsSync } from 'node:fs';
import { failure } from '../base/errors.js';
import { bytes } from '../base/hex.js';
import { serviceKey } from '../base/keys/key-file.js';
import { createOfficeHouses } from '../office/office-houses.js';
import { openOfficePage, type OfficeActs } from '../office/office-server.js';
import { OFFICE_VERBS, type OfficeAct } from '../web/office/office-state.js';
import { openActs, type OpenAct } from './acts-file.js';
import { databasesIn } from './books.js';
import { mustBeOperator, officeAnswer, type OfficeCommand } from './office.js';
import { interrupted, print } from './output.js';
import { TRUSTEE_URL } from './settings.js';
import { portArgument } from './settings-arguments.js';
import type { CommandContext } from './table/spec.js';

/** The page's acts, in a data folder. */
export function officeActs(options: OfficeCommand): OfficeActs {
  const run = (verb: OfficeAct, values: string[], id: string) =>
    officeAnswer(verb, values, { ...options, id, json: true });
  function withActs<T>(use: (acts: ReturnType<typeof openActs>) => T): T {
    const acts = openActs(options.data);
    try {
      return use(acts);
    } finally {
      acts.close();
    }
  }
  const open = (): OpenAct[] => (existsSync(options.data) ? withActs((acts) => acts.open()) : []);
  return {
    do: run,
    open: () =>
      open().map(({ id, command, values, begunS }) => ({
        ...{ id, begunS },
        text: [command, ...(Array.isArray(values) ? values : Object.values(values as object))]
          .filter(Boolean)
          .join(' '),
      })),
    async finish(id) {
      const found = open().find((each) => each.id === id);
      const verb = OFFICE_VERBS.find((each) => `office ${each}` === found?.command);
      if (!found || !verb) throw failure('NOT_FOUND', `no act ${id} that this page can finish: tapcash acts`);
      // As it was understood: JSON has null for what was not given.
      const values = (found.values as unknown[]).map((value) => (value === null ? undefined : String(value)));
      return run(verb, values as string[], id);
    },
    forget(id, why) {
      if (!withActs((acts) => acts.giveUp(id, why))) throw failure('NOT_FOUND', `no act ${id} without an answer`);
    },
  };
}

/** `tapcash office serve`. */
export async function officeServe(
  options: OfficeCommand & { listen: string },
  { settings }: Pick<CommandContext, 'settings'>,
): Promise<void> {
  mustBeOperator(options.data);
  const { issuerUrl, bankUrl, trusteeUrl = TRUSTEE_URL } = options;
  const bankKey = settings?.keys.bank;
  const page = await openOfficePage({
    houses: createOfficeHouses({
      operator: serviceKey(options.data, 'operator'),
      ...{ issuerUrl, bankUrl, trusteeUrl },
      bankKey: bankKey === undefined ? null : bytes(bankKey),
    }),
    acts: officeActs(options),
    databases: () => databasesIn(options.data),
    dataDir: options.data,
    port: portArgument(options.listen),
  });
  print(
    options.json,
    { url: page.url },
    `${page.url}\nOpen it in a browser here. Whoever has this address acts with your key. Ctrl-C ends it.`,
  );
  await interrupted();
  await page.close();
}

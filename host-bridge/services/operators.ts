/**
 * A house's operators: the root keys that it is started with, and those whom these named. Each request is looked up
 * anew, so who was removed is refused from the next request on, by every process of the house.
 *
 * A restored database may have forgotten that somebody was removed. So after a restore nobody of it counts until a root
 * has named them again (docs/restore.md has what else a restore forgets).
 */
import { equal, toHex } from '../../firmware/core/bytes.js';
import { isLicensable } from '../base/crypto/ed25519-verify.js';
import type { Epoch } from '../base/epoch.js';
import { refusal, type HostRefusal, type Result } from '../base/errors.js';
import { ruleRole, type Act, type Rights, type Role } from '../base/services/roles.js';
import { actOnce, operatorIdOf, readOperatorRequest, type OperatorAct } from '../http/operator-requests.js';
import { answerRefusal, type Answer } from '../http/http-server.js';
import { OPERATOR_HEADERS } from '../http/schemas.js';
import type { Gate, RawRequest } from '../http/service.js';
import { ruleAddOperator } from '../ledger/rules-operator.js';
import type { OperatorRow, OperatorStore } from '../ledger/store.js';

/** Who names what a house is started with, in the table. */
const SETTINGS = 'settings';

/** What a house's operators need of it. */
export interface OperatorsOptions {
  store: OperatorStore & { transaction<T>(run: () => T): T; epochs(): Epoch[] };
  /** The issuer's id, 4 bytes: what requests are signed for. */
  issuer: Uint8Array;
  /** Public keys, 32 bytes each. */
  rootKeys: Uint8Array[];
  /** Desks that the house is started with: tellers, until a root removes them. */
  tellerKeys?: Uint8Array[] | undefined;
  /** Most that such a desk may put into an account at once, minor units; null: nothing. */
  tellerLimit?: number | null | undefined;
  nowS(): number;
}

/** An operator who stands. */
interface Known extends Rights {
  key: Uint8Array;
  name: string;
}

/** An operator of the list, as others see it. */
export interface ListedOperator extends Omit<OperatorRow, 'epoch'> {
  /** Its key id. */
  id: string;
  isForgotten: boolean;
}

/** The operators of a house. */
export interface Operators extends Gate {
  self(request: RawRequest): Result<{ name: string; role: Role; limit: number | null; isRoot: boolean }>;
  list(): Result<{ roots: Uint8Array[]; operators: ListedOperator[] }>;
  /** Codes: those of `ruleAddOperator`. */
  add(
    who: { name: string; key: Uint8Array; role: Role; limit: number | null },
    by: string,
  ): Result<{ repeated: boolean }>;
  /** Codes: OPERATOR_NOT_LISTED. */
  remove(name: string, by: string): Result<{ repeated: boolean }>;
}

/** Opens a house's operators, and names the desks that it is started with. */
export function createOperators(options: OperatorsOptions): Operators {
  const epoch = options.store.epochs().at(-1)?.epoch ?? 0;
  nameDesks(options, epoch);
  return { ...gateOf(options, epoch), ...listOf(options, epoch) };
}

/** Who asks, and whether the role has the act. */
function gateOf(
  { store, rootKeys, issuer, nowS }: OperatorsOptions,
  epoch: number,
): Pick<Operators, 'check' | 'act' | 'self'> {
  function known(): Known[] {
    const roots = rootKeys.map((key) => ({
      ...{ key, name: 'root', role: 'supervisor' as const, limit: null, isRoot: true, isForgotten: false },
    }));
    const named = store.operators().filter(({ removedS }) => removedS === null);
    return [...roots, ...named.map((row) => ({ ...row, isRoot: false, isForgotten: row.epoch !== epoch }))];
  }
  function read(request: RawRequest): Result<{ act: OperatorAct; who: Known }> {
    const operators = known();
    const keys = operators.map(({ key }) => key);
    const result = readOperatorRequest(keys, issuer, request);
    if (!result.ok) return result;
    return { ok: true, act: result.act, who: operators.find(({ key }) => equal(key, result.act.operatorKey))! };
  }
  function judged(request: RawRequest, act: Act, amount: number | null): ReturnType<typeof read> {
    const result = read(request);
    if (!result.ok) return result;
    const ruling = ruleRole(result.who, act, amount);
    return ruling.ok ? result : ruling;
  }
  return {
    check(request: RawRequest, act: Act): HostRefusal | null {
      const result = judged(request, act, null);
      return result.ok ? null : result;
    },
    act(request: RawRequest, act: Act, amount: number | null, run: () => Answer<unknown>): Answer<unknown> {
      // One transaction, so that an act and the removal of its operator come one after the other.
      return store.transaction(() => {
        const result = judged(request, act, amount);
        if (!result.ok) return answerRefusal(result);
        const done = actOnce(store, result.act, Math.floor(nowS()), run, result.who.role);
        return done.ok ? done.reply : answerRefusal(done);
      });
    },
    self(request) {
      const result = read(request);
      if (!result.ok) return result;
      const { name, role, limit, isRoot } = result.who;
      return { ok: true, name, role, limit, isRoot };
    },
  };
}

/** Who is an operator, as a root key says it. */
function listOf(
  { store, rootKeys, nowS }: OperatorsOptions,
  epoch: number,
): Pick<Operators, 'list' | 'add' | 'remove'> {
  return {
    list: () => ({
      ok: true,
      roots: rootKeys,
      operators: store.operators().map(({ epoch: of, ...row }) => ({
        ...{ ...row, id: operatorIdOf(row.key) },
        isForgotten: row.removedS === null && of !== epoch,
      })),
    }),
    add({ name, key, role, limit }, by) {
      return store.transaction(() => {
        const rows = store.operators();
        const ruling = ruleAddOperator({
          ...{ name, role, limit, keyIsLicensable: isLicensable(key) },
          isRoot: rootKeys.some((root) => equal(root, key)),
          byKey: rows.find((row) => equal(row.key, key)) ?? null,
          nameIsTaken: rows.some((row) => row.name === name && row.removedS === null),
        });
        if (!ruling.ok) return ruling;
        if (ruling.repeated) store.confirmOperator(key, epoch, limit);
        else store.addOperator({ ...{ key, name, role, limit, epoch }, addedS: Math.floor(nowS()), addedBy: by });
        return ruling;
      });
    },
    remove(name, by) {
      return store.transaction(() => {
        const rows = store.operators().filter((row) => row.name === name);
        const standing = rows.find(({ removedS }) => removedS === null);
        if (standing) store.removeOperator(standing.key, Math.floor(nowS()), by);
        return rows.length > 0 ? { ok: true, repeated: !standing } : refusal('OPERATOR_NOT_LISTED', name);
      });
    },
  };
}

/** Writes the desks down that a house is started with; in a restored database they wait for a root as all do. */
function nameDesks({ store, tellerKeys = [], tellerLimit = null, nowS }: OperatorsOptions, epoch: number): void {
  if (tellerKeys.length === 0) return;
  store.transaction(() => {
    const wasRestored = store.epochs().some(({ cause }) => cause !== 'made');
    for (const key of tellerKeys) {
      const rows = store.operators();
      const row = rows.find((one) => equal(one.key, key));
      if (row?.addedBy === SETTINGS && row.limit !== tellerLimit) store.confirmOperator(key, row.epoch, tellerLimit);
      if (row) continue;
      const isFree = rows.every(({ name, removedS }) => name !== 'desk' || removedS !== null);
      store.addOperator({
        ...{ key, name: isFree ? 'desk' : `desk ${toHex(key).slice(0, 8)}`, role: 'teller', limit: tellerLimit },
        ...{ epoch: wasRestored ? 0 : epoch, addedS: Math.floor(nowS()), addedBy: SETTINGS },
      });
    }
  });
}

/** The key id of who asks. */
export const askerOf = (request: RawRequest): string => String(request.headers[OPERATOR_HEADERS.operator]);

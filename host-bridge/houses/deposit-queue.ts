/**
 * Deposits on their way, many at once: verified together, judged and made durable together, then all answered.
 *
 * A batch is what arrived while the last one was being written. There is no timer: what arrives alone is a batch of
 * one, and waits for nothing. While one batch is written, the signatures of the next ones are being verified; they are
 * written in the order in which they came.
 */
import { verifyHere, type VerifyMany } from '../base/crypto/verify-many.js';
import { isFailure, refusal, type Result } from '../base/errors.js';
import type { DepositResult } from '../base/services/procedures.js';
import type { CreditResult } from '../ledger/credits.js';
import { depositAct, depositReply, type DepositHouse } from './depositary.js';
import { createHistoryVerifier, type GoodHistory, type HistoryVerifier } from './verified-histories.js';

/** Most histories whose signatures are verified in one go. */
const VERIFY_MAX = 128;
/** Most of them at a time: one is written, one is verified, and one waits for the verifying threads. */
const UNDER_WAY_MAX = 3;
/** So many are worth a batch that waits for the threads; fewer wait for more while another is verified. */
const WORTH_WAITING = 64;
/** Most that are written in one transaction. */
const WRITE_MAX = 512;
/**
 * Most that wait; who comes then is told to come again. Also where a machine does a tenth of what it could, they are
 * through before a client's time is over.
 */
const WAITING_MAX = 4096;

/** Takes deposits. */
export interface Deposits {
  /**
   * A result for each history, in their order. BUSY: too many wait.
   * @throws what a single deposit throws, of the first that threw; the others are judged all the same
   */
  deposit(histories: Uint8Array[]): Promise<Result<{ results: DepositResult[] }>>;
}

interface Waiting {
  history: Uint8Array;
  answer(result: DepositResult): void;
  fail(thrown: unknown): void;
}

interface Batch {
  waiting: Waiting[];
  /** null: not verified yet. */
  verified: Result<GoodHistory>[] | null;
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** @param verify where signatures are verified, of a service; left out: each call is judged by itself */
export function createDeposits(house: DepositHouse, verify?: VerifyMany): Deposits {
  return verify ? new DepositQueue(house, verify) : createDirectDeposits(house);
}

/** Deposits without a queue: what comes in one call is one batch, and waits for no other. */
function createDirectDeposits(house: DepositHouse): Deposits {
  const verifier = createHistoryVerifier(house, verifyHere);
  return {
    async deposit(histories) {
      const outcomes = await judge(house, verifier.recheck(await verifier.verify(histories)));
      const results = outcomes.map((outcome) => {
        if ('thrown' in outcome) throw outcome.thrown;
        return outcome;
      });
      return { ok: true, results };
    },
  };
}

/** The queue of a service. */
class DepositQueue implements Deposits {
  private readonly verifier: HistoryVerifier;
  /** What waits for its verification. */
  private readonly arrived: Waiting[] = [];
  /** What is being verified or written, in the order of arrival. */
  private readonly batches: Batch[] = [];
  private waitingCount = 0;
  private isLooking = false;
  private isWriting = false;

  constructor(
    private readonly house: DepositHouse,
    verify: VerifyMany,
  ) {
    this.verifier = createHistoryVerifier(house, verify);
  }

  async deposit(histories: Uint8Array[]): Promise<Result<{ results: DepositResult[] }>> {
    if (this.waitingCount > 0 && this.waitingCount + histories.length > WAITING_MAX)
      return refusal('BUSY', 'too many deposits wait');
    this.waitingCount += histories.length;
    const answers = histories.map(
      (history) => new Promise<DepositResult>((answer, fail) => this.arrived.push({ history, answer, fail })),
    );
    this.look();
    // Whatever one of them throws, the others are written.
    await Promise.allSettled(answers);
    return { ok: true, results: await Promise.all(answers) };
  }

  /** Once all that is arriving at this moment has arrived. */
  private look(): void {
    if (this.isLooking || this.arrived.length === 0) return;
    this.isLooking = true;
    setImmediate(() => {
      this.isLooking = false;
      while (this.isTimeForMore()) {
        const batch: Batch = { waiting: this.arrived.splice(0, VERIFY_MAX), verified: null };
        this.batches.push(batch);
        this.verify(batch).catch((thrown: unknown) => this.failed(batch, thrown));
      }
    });
  }

  private isTimeForMore(): boolean {
    const count = this.arrived.length;
    if (count === 0 || this.batches.length >= UNDER_WAY_MAX) return false;
    return count >= WORTH_WAITING || this.batches.every(({ verified }) => verified);
  }

  private async verify(batch: Batch): Promise<void> {
    batch.verified = await this.verifier.verify(batch.waiting.map(({ history }) => history));
    this.look();
    await this.write();
  }

  /** Nothing of it was verified: that is no verdict on any of them. */
  private failed(batch: Batch, thrown: unknown): void {
    this.batches.splice(this.batches.indexOf(batch), 1);
    this.end(
      batch.waiting,
      batch.waiting.map(() => ({ thrown })),
    );
    this.look();
  }

  /** What is verified, as far as nothing before it is still being verified. */
  private ready(): Batch[] {
    const taken: Batch[] = [];
    let count = 0;
    for (let [next] = this.batches; next?.verified; [next] = this.batches) {
      count += next.waiting.length;
      if (count > WRITE_MAX) break;
      taken.push(this.batches.shift()!);
    }
    return taken;
  }

  /** Writes what is ready, and what becomes ready meanwhile. Never rejects. */
  private async write(): Promise<void> {
    if (this.isWriting) return;
    this.isWriting = true;
    for (let taken = this.ready(); taken.length > 0; taken = this.ready()) {
      this.look();
      const verified = taken.flatMap((batch) => batch.verified!);
      const outcomes = await this.judge(verified);
      this.end(
        taken.flatMap((batch) => batch.waiting),
        outcomes,
      );
      // The answers go out, and what has come in is taken up.
      await nextTurn();
    }
    this.isWriting = false;
    this.look();
  }

  private async judge(verified: Result<GoodHistory>[]): Promise<Outcome[]> {
    try {
      return await judge(this.house, this.verifier.recheck(verified));
    } catch (thrown) {
      return verified.map(() => ({ thrown }));
    }
  }

  private end(waiting: Waiting[], outcomes: Outcome[]): void {
    this.waitingCount -= waiting.length;
    waiting.forEach((one, i) => {
      const outcome = outcomes[i]!;
      if ('thrown' in outcome) one.fail(outcome.thrown);
      else one.answer(outcome);
    });
  }
}

type Outcome = DepositResult | { thrown: unknown };

/** Judges and writes them in one transaction. */
async function judge(house: DepositHouse, verified: Result<GoodHistory>[]): Promise<Outcome[]> {
  const requests = verified.flatMap((result) => (result.ok ? [result.request] : []));
  const credited = await credit(house, requests);
  return verified.map((result): Outcome => {
    if (!result.ok) return result;
    const outcome = credited.shift()!;
    return 'thrown' in outcome ? outcome : depositReply(result.request, outcome);
  });
}

/**
 * Where one of them makes the transaction fail, each has its own: it fails alone. A database that fails would fail them
 * all, one after another.
 */
async function credit(house: DepositHouse, requests: GoodHistory['request'][]) {
  if (requests.length === 0) return [];
  try {
    return (await house.store.credit(depositAct(house, requests))) as (CreditResult | { thrown: unknown })[];
  } catch (thrown) {
    const isDatabase = isFailure(thrown) && thrown.code.startsWith('DATABASE_');
    if (requests.length === 1 || isDatabase) return requests.map(() => ({ thrown }));
    const alone: (CreditResult | { thrown: unknown })[] = [];
    for (const request of requests)
      alone.push(
        ...(await house.store.credit(depositAct(house, [request])).catch((own: unknown) => [{ thrown: own }])),
      );
    return alone;
  }
}

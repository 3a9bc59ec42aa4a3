// The rules of a transaction: its limits, checked where it is asked for, and its preconditions, checked where the
// state is.
import { PolisError, refusal, type Problem } from '@polis/lib/error'
import { checkKey, checkPrefix } from './keys.ts'
import {
  MAX_OPERATIONS,
  MAX_TRANSACTION_BYTES,
  type LeaseId,
  type Precondition,
  type Transaction,
  type Write,
} from './store.ts'
import type { StateWrite, StoredEntry, StoredWrite } from './versioned-state.ts'

type StoredTransaction = Extract<StateWrite, { kind: 'transaction' }>

/** The transaction in stored form; throws InvalidArgument when it breaks a limit. */
export function toStoredTransaction(transaction: Transaction): StoredTransaction {
  const { preconditions = [], writes } = transaction
  const operations = preconditions.length + writes.length
  if (operations > MAX_OPERATIONS) {
    throw tooMuch(`${operations} operations in a transaction, ${MAX_OPERATIONS} are the limit`)
  }
  let sizeBytes = 0
  for (const precondition of preconditions) {
    if ('prefix' in precondition) checkPrefix(precondition.prefix)
    else checkKey(precondition.key)
    sizeBytes += ('prefix' in precondition ? precondition.prefix : precondition.key).length
  }
  const written = new Set<string>()
  const stored = writes.map((write) => {
    const key = keyOf(write)
    checkKey(key)
    if (written.has(key)) {
      throw new PolisError('InvalidArgument', `${key} is written twice in a transaction`, {
        path: key,
      })
    }
    written.add(key)
    const storedWrite = toStoredWrite(write)
    sizeBytes += key.length + ('text' in storedWrite ? Buffer.byteLength(storedWrite.text) : 0)
    return storedWrite
  })
  if (sizeBytes > MAX_TRANSACTION_BYTES) {
    throw tooMuch(`${sizeBytes} bytes in a transaction, ${MAX_TRANSACTION_BYTES} are the limit`)
  }
  return { kind: 'transaction', preconditions, writes: stored }
}

function tooMuch(message: string): PolisError {
  return new PolisError('InvalidArgument', message, {
    hint: 'split it into transactions that are each right on their own',
  })
}

function keyOf(write: Write): string {
  return 'put' in write ? write.put : write.remove
}

function toStoredWrite(write: Write): StoredWrite {
  if ('remove' in write) return { remove: write.remove }
  const { put, value, lease } = write
  // JSON.stringify gives undefined for what is no JSON at all, whatever the types say.
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) {
    throw new PolisError('InvalidArgument', `the value of ${put} is not JSON`, { path: put })
  }
  return lease === undefined ? { put, text } : { put, text, lease }
}

/** What preconditions are checked against. */
export interface StateView {
  find(key: string): StoredEntry | undefined
  /** Some key under the prefix, or undefined. */
  findAnyKey(prefix: string): string | undefined
  hasLease(lease: LeaseId): boolean
}

/** Throws Aborted with every precondition that does not hold, or NotFound for a lease that is gone. */
export function checkTransaction(transaction: StoredTransaction, view: StateView): void {
  const problems = transaction.preconditions
    .map((precondition) => problemWith(precondition, view))
    .filter((problem) => problem !== undefined)
  if (problems.length > 0) throw refusal(problems)
  for (const write of transaction.writes) {
    if ('remove' in write || write.lease === undefined || view.hasLease(write.lease)) continue
    throw leaseNotFound(write.lease)
  }
}

export function leaseNotFound(lease: LeaseId): PolisError {
  return new PolisError('NotFound', `the lease ${lease} has ended`, { path: lease })
}

function problemWith(precondition: Precondition, view: StateView): Problem | undefined {
  if ('prefix' in precondition) {
    const { prefix } = precondition
    const found = view.findAnyKey(prefix)
    return found === undefined ? undefined : aborted(prefix, `${prefix} is not empty: ${found}`)
  }
  const { key } = precondition
  const found = view.find(key)
  if ('revision' in precondition) {
    if (found?.revision === precondition.revision) return undefined
    const now = found === undefined ? 'is gone' : `is at revision ${found.revision}`
    return aborted(key, `${key} ${now}, not at revision ${precondition.revision}`)
  }
  if ((precondition.is === 'present') === (found !== undefined)) return undefined
  return aborted(key, found === undefined ? `${key} is absent` : `${key} is present`)
}

function aborted(path: string, message: string): Problem {
  return { code: 'Aborted', path, message }
}

import { type ErrorCode, type Problem, refusal } from '@polis/lib/error'
import type { Place } from './tree.ts'

/** What is odd, and works nevertheless. */
export interface Warning {
  readonly path: string
  readonly message: string
  readonly hint?: string
  readonly file?: string
  readonly line?: number
  readonly column?: number
}

export interface Remark {
  readonly code?: ErrorCode
  readonly hint?: string
  readonly place?: Place
}

// A hostile file could hold a mistake per byte; nobody reads more than these.
const MOST_FINDINGS = 200

/** Collects everything that is wrong or odd, so that all of it is told at once. */
export class Findings {
  readonly #problems: Problem[] = []
  readonly #warnings = new Map<string, Warning>()
  #unlisted = 0

  get warnings(): readonly Warning[] {
    return [...this.#warnings.values()]
  }

  /** More problems are counted, but no longer listed: no need to think about their wording. */
  get isFull(): boolean {
    return this.#problems.length >= MOST_FINDINGS
  }

  refuse(path: string, message: string, remark: Remark = {}): void {
    if (this.isFull) {
      this.#unlisted += 1
      return
    }
    const { code = 'InvalidArgument', hint, place } = remark
    this.#problems.push({ code, path, message, ...optional(hint, place) })
  }

  /** Says a thing once, however often it is found. */
  warn(path: string, message: string, remark: Omit<Remark, 'code'> = {}): void {
    const key = `${path}\n${message}`
    if (this.#warnings.has(key) || this.#warnings.size >= MOST_FINDINGS) return
    this.#warnings.set(key, { path, message, ...optional(remark.hint, remark.place) })
  }

  /** Throws all problems, in the order of the text, if there are any. */
  throwIfAny(): void {
    if (this.#problems.length === 0) return
    const listed = this.#problems.toSorted(
      (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
    )
    if (this.#unlisted > 0) {
      listed.push({ code: 'InvalidArgument', path: '', message: `and ${this.#unlisted} more` })
    }
    throw refusal(listed)
  }
}

function optional(hint: string | undefined, place: Place | undefined): Partial<Warning> {
  return { ...(hint === undefined ? {} : { hint }), ...place }
}

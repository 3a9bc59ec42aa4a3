/** What a command of this host works with. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly out: {
    readonly isTTY?: boolean
    readonly columns?: number
    write(text: string): unknown
  }
  readonly err: { write(text: string): unknown }
  /** Undefined: nobody is there to answer. */
  readonly ask: ((question: string, signal: AbortSignal) => Promise<string>) | undefined
  readonly signal: AbortSignal
}

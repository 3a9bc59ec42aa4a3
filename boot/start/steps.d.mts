export interface Step {
  /** What it is at now; shown while it runs. */
  readonly detail: (text: string) => void
}
export interface Steps {
  /** Shows `title` while `act` runs, and what it returns (or `title`) with its time when it is done. */
  run<T>(title: string, act: (step: Step) => Promise<T>, done?: (result: T) => string): Promise<T>
  readonly note: (text: string) => void
}
export function newSteps(out: {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}): Steps

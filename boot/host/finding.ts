/** One thing `polis doctor` looked at. */
export interface Finding {
  /** `kernel`, `disk`, … */
  readonly check: string
  readonly status: 'ok' | 'warning' | 'error'
  readonly message: string
  /** What to do about it; there unless all is well. */
  readonly remedy?: string
}

export const ok = (check: string, message: string): Finding => ({ check, status: 'ok', message })

export const warning = (check: string, message: string, remedy: string): Finding => ({
  check,
  status: 'warning',
  message,
  remedy,
})

export const problem = (check: string, message: string, remedy: string): Finding => ({
  check,
  status: 'error',
  message,
  remedy,
})

import { PolisError } from '@polis/lib/error'

/** For exams: the code a call fails with; the error's name when it is not ours; `no error` when it succeeds. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'no error'
  } catch (error) {
    if (error instanceof PolisError) return error.code
    return error instanceof Error ? error.name : 'not an error'
  }
}

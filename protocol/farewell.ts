import { ERROR_CODES, PolisError } from '@polis/lib/error'
import { z } from 'zod'

const Farewell = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  hint: z.string().optional(),
})

/** Why a connection ends, as the last words on it. */
export function writeFarewell(why: PolisError): Buffer {
  const { code, message, hint } = why
  return Buffer.from(JSON.stringify({ code, message, hint }))
}

/** The peer's last words as an error; undefined when it left without any. */
export function readFarewell(bytes: Uint8Array | undefined): PolisError | undefined {
  if (bytes === undefined || bytes.byteLength === 0) return undefined
  const parsed = Farewell.safeParse(parseJson(Buffer.from(bytes).toString()))
  if (!parsed.success) return undefined
  const { code, message, hint } = parsed.data
  return new PolisError(code, message, hint === undefined ? {} : { hint })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

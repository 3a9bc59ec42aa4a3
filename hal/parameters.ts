import { type Problem, refusal } from '@polis/lib/error'
import type { z } from 'zod'
import type { DeviceIdentity } from './driver.ts'

function toProblem(issue: z.core.$ZodIssue): Problem {
  const path = ['parameters', ...issue.path.map(String)].join('.')
  return { code: 'InvalidArgument', path, message: issue.message }
}

/** The parameters of a device as its driver's schema types them. Throws InvalidArgument with every wrong one's path. */
export function parseParameters<T>(schema: z.ZodType<T>, device: DeviceIdentity): T {
  const parsed = schema.safeParse(device.parameters)
  if (parsed.success) return parsed.data
  throw refusal(parsed.error.issues.map((issue) => toProblem(issue)))
}

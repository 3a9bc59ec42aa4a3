import { ERROR_CODES } from '@polis/lib/error'
import { z } from 'zod'

export const OPERATION_STATUSES = ['running', 'done', 'failed', 'cancelled'] as const
export type OperationStatus = (typeof OPERATION_STATUSES)[number]

export const StepStatus = z.enum(['waiting', 'running', 'done', 'failed', 'skipped'])
export type StepStatus = z.infer<typeof StepStatus>

/** One thing that has to come true before an operation is done. */
export const OperationStep = z.object({
  /** Stable within the operation: `image/web`, `task/web`, `route/shop.example`. */
  key: z.string(),
  /** For people: "Build image web". */
  title: z.string(),
  status: StepStatus,
  /** What it waits for or why it failed, in words. */
  message: z.string(),
  startedAt: z.string().optional(),
  endedAt: z.string().optional(),
})
export type OperationStep = z.infer<typeof OperationStep>

export const ProblemShape = z.object({
  code: z.enum(ERROR_CODES),
  path: z.string(),
  message: z.string(),
  hint: z.string().optional(),
})

/** One asked-for change: its plan, its steps, its outcome. */
export const Operation = z.object({
  id: z.string(),
  requestId: z.string(),
  /** `deploy`, `scale`, `attach`, …: the type of the request. */
  verb: z.string(),
  /** For people: "Deploy shop". */
  title: z.string(),
  projectUid: z.string().optional(),
  /** The object it is about, for links. */
  targetUid: z.string().optional(),
  actor: z.object({ userUid: z.string().optional(), name: z.string() }),
  status: z.enum(OPERATION_STATUSES),
  steps: z.array(OperationStep),
  warnings: z.array(ProblemShape),
  /** Why it failed. */
  error: ProblemShape.optional(),
  /** Facts for the caller, such as `url` or `port`; never secrets. */
  result: z.record(z.string(), z.string()),
  startedAt: z.string(),
  endedAt: z.string().optional(),
})
export type Operation = z.infer<typeof Operation>

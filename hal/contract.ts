import type { z } from 'zod'

/** A method that answers once. */
export interface Unary<Input, Output> {
  readonly type: 'unary'
  readonly input: z.ZodType<Input>
  readonly output: z.ZodType<Output>
}

/** A method that answers with a stream of items until it ends or its signal aborts. */
export interface Streaming<Input, Item> {
  readonly type: 'streaming'
  readonly input: z.ZodType<Input>
  readonly item: z.ZodType<Item>
}

/** `method(input, signal)`, answered once: what `unary` describes on the wire. */
export type UnaryMethod<Input, Output> = (input: Input, signal: AbortSignal) => Promise<Output>

/** `method(input, signal)`, answered with a stream: what `streaming` describes on the wire. */
export type StreamingMethod<Input, Item> = (
  input: Input,
  signal: AbortSignal,
) => AsyncIterable<Item>

/**
 * A device class as data: every method of its port with the shapes that cross the wire. One piece of protocol code
 * serves any port by its contract, so that the kernel cannot tell near from far and a class is written down once.
 * Wire shapes are JSON; unknown keys are dropped, never refused, so that a newer peer can speak to an older one.
 */
export type Contract<Port> = {
  readonly [Method in keyof Port]: Port[Method] extends UnaryMethod<infer Input, infer Output>
    ? Unary<Input, Output>
    : Port[Method] extends StreamingMethod<infer Input, infer Item>
      ? Streaming<Input, Item>
      : never
}

export type AnyContract = Readonly<
  Record<string, Unary<unknown, unknown> | Streaming<unknown, unknown>>
>

export function unary<Input, Output>(
  input: z.ZodType<Input>,
  output: z.ZodType<Output>,
): Unary<Input, Output> {
  return { type: 'unary', input, output }
}

export function streaming<Input, Item>(
  input: z.ZodType<Input>,
  item: z.ZodType<Item>,
): Streaming<Input, Item> {
  return { type: 'streaming', input, item }
}

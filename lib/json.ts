/** A value that JSON can carry unchanged; as text it is what stores and wires hold. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

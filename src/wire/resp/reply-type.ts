/** The first byte of each kind of reply. */
export const ReplyType = {
  /** `+` */
  simple: 43,
  /** `-` */
  error: 45,
  /** `$` */
  bulk: 36,
  /** `:` */
  integer: 58,
  /** `*` */
  array: 42,
  /** `_` */
  null: 95,
  /** `,` */
  double: 44,
  /** `#` */
  boolean: 35,
  /** `!` */
  bulkError: 33,
  /** `=` */
  verbatim: 61,
  /** `(` */
  bigNumber: 40,
  /** `%` */
  map: 37,
  /** `~` */
  set: 126,
  /** `>` */
  push: 62,
  /** `|` */
  attribute: 124,
  /** `;` */
  chunk: 59,
  /** `.` */
  end: 46,
} as const;

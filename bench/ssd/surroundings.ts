/** What all parts of the bench are given. */
export interface Surroundings {
  /** An empty directory on the disk to measure, removed afterwards. */
  readonly directory: string;
  readonly rounds: number;
  /** Length of a trial. */
  readonly seconds: number;
  /** What the tier may take on the disk. */
  readonly diskBytes: number;
  /** Words of the cells to measure, of the parts that have cells. */
  readonly cells: string | undefined;
  readonly quick: boolean;
}

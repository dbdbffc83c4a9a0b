/** The engine's only source of chance, so that a simulation can be replayed from its seed. */
export interface Random {
  /** An integer in [0, bound). `bound` is a positive 32-bit integer. */
  nextInt(bound: number): number;
}

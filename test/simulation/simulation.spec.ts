import { Simulation } from './simulation.js';

it('runs', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const lines: string[] = [];
    const start = Date.now();
    try {
      const counts = await Simulation.run({ seed, steps: 120, log: (line) => lines.push(line) });
      process.stdout.write(`${seed} ${Date.now() - start} ms ${JSON.stringify(counts)}\n`);
    } catch (error) {
      process.stdout.write(`${seed} FAILED ${Date.now() - start} ms ${String(error)}\n`);
    }
  }
}, 600_000);

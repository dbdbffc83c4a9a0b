// Measures one line of the benchmark and tells the parent its rows.
const [name, size] = process.argv.slice(2);

/** The size of a work, by how much time there is. */
const pick = (quick, normal, full = normal) => ({ quick, normal, full })[size];

const { measure } = await import(`./lines/${name}.mjs`);
await measure({ pick, report: (row) => process.send(row) });
process.disconnect();

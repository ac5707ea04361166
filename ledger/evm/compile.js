// node compile.js CONTRACTS OUTPUT: compiles every .sol file of a folder by solc-js and writes ABI, selectors and code.
//
// One JSON file per contract: {abi, selectors, errors, code, runtimeBytes}. Warnings are errors. Nothing is fetched.
"use strict";
const fs = require("fs");
const path = require("path");
const [contracts, output] = process.argv.slice(2);
const solcPath = require.resolve("solc", { paths: [output] });
const solc = require(solcPath);
const { keccak256 } = require(require.resolve("js-sha3", { paths: [path.dirname(solcPath)] })); // solc's own

const sources = {};
for (const name of fs.readdirSync(contracts).sort()) {
  if (name.endsWith(".sol")) sources[name] = { content: fs.readFileSync(path.join(contracts, name), "utf8") };
}
const settings = {
  evmVersion: "osaka",
  optimizer: { enabled: true, runs: 1 }, // for size: a contract has at most 24,576 octets (EIP-170)
  viaIR: true,
  metadata: { appendCBOR: false }, // the same code from the same sources, wherever they lie
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.methodIdentifiers"] } },
};
const found = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
// PlainForm is for measuring, on a node that takes a contract of any size: 5574 is the warning of that.
const complaints = (found.errors || []).filter((one) => !(one.errorCode === "5574" && one.sourceLocation.file === "PlainForm.sol"));
for (const complaint of complaints) process.stderr.write(complaint.formattedMessage + "\n");
if (complaints.length) process.exit(1);

const canonical = ({ type, components }) =>
  components ? "(" + components.map(canonical).join(",") + ")" + type.slice("tuple".length) : type;
const errors = {}; // of all contracts: a library's errors come out of who uses it
for (const made of Object.values(found.contracts)) {
  for (const { abi } of Object.values(made)) {
    for (const { type, name, inputs } of abi) {
      if (type === "error") errors[keccak256(name + "(" + inputs.map(canonical).join(",") + ")").slice(0, 8)] = name;
    }
  }
}
for (const made of Object.values(found.contracts)) {
  for (const [name, { abi, evm }] of Object.entries(made)) {
    const page = {
      abi,
      selectors: evm.methodIdentifiers,
      errors,
      code: evm.bytecode.object,
      runtimeBytes: evm.deployedBytecode.object.length / 2,
    };
    fs.writeFileSync(path.join(output, name + ".json"), JSON.stringify(page, null, 1) + "\n");
  }
}

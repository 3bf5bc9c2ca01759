// diagrams.mjs - reads every Mermaid block of Markdown files with Mermaid's own parser
//
// Usage: node diagrams.mjs FILE.md ...     (diagrams.sh puts it where the parser is)
// Exit status: 0 each of them is a diagram, 1 one is not: its line, and what the parser says.

import { readFileSync } from 'node:fs';
import { JSDOM } from 'jsdom';

// The parser of flowcharts wants a page, though it draws nothing.
globalThis.window = new JSDOM('').window;
globalThis.document = window.document;
const { default: mermaid } = await import('mermaid');

for (const file of process.argv.slice(2)) {
    const text = readFileSync(file, 'utf8');
    for (const block of text.matchAll(/^```mermaid\n(.*?)^```$/gms)) {
        const line = text.slice(0, block.index).split('\n').length;
        try {
            const { diagramType } = await mermaid.parse(block[1]);
            console.log(`${file}:${line}: ${diagramType}`);
        } catch (error) {
            console.log(`${file}:${line}: NO DIAGRAM: ${error.message.split('\nExpecting')[0]}`);
            process.exitCode = 1;
        }
    }
}

import { Argument, type Command } from 'commander';
import type { Io } from '../io.ts';

/** Words that may follow each group, for a shell: the tree of commands and long options as it is. */
function wordsByPath(command: Command, path: string, into: Map<string, string[]>): Map<string, string[]> {
  const words = [
    ...command.commands.map((child) => child.name()),
    ...command.options.flatMap((option) => option.long ?? []),
  ];
  into.set(path, words);
  for (const child of command.commands) wordsByPath(child, `${path} ${child.name()}`.trim(), into);
  return into;
}

export function addCompletion(program: Command, io: Io): void {
  program
    .command('completion')
    .description('a completion script for your shell: source <(lockstep completion bash)')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
    .action((shell: 'bash' | 'zsh') => {
      const cases = [...wordsByPath(program, '', new Map())].map(
        ([path, words]) => `    "${path}") words="${words.join(' ')}" ;;`,
      );
      const script = `_lockstep() {
  local path="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) [ "$(wc -w <<<"$path")" -lt 2 ] && path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _lockstep lockstep
`;
      io.out(shell === 'zsh' ? `autoload -U +X bashcompinit && bashcompinit\n${script}` : script);
    });
}

# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_smpcd_global_optspecs
    string join \n h/help V/version
end

function __fish_smpcd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_smpcd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_smpcd_using_subcommand
    set -l cmd (__fish_smpcd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c smpcd -n "__fish_smpcd_needs_command" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_needs_command" -s V -l version -d 'Print version'
complete -c smpcd -n "__fish_smpcd_needs_command" -f -a "demo" -d 'Compute a first sum among daemons on this machine and check it'
complete -c smpcd -n "__fish_smpcd_needs_command" -f -a "testbed" -d 'Write a ready, signed consortium on loopback'
complete -c smpcd -n "__fish_smpcd_needs_command" -f -a "init" -d 'Write a party\'s directory: node file, keys, certificates, card'
complete -c smpcd -n "__fish_smpcd_needs_command" -f -a "card" -d 'Show, renew or take in cards'
complete -c smpcd -n "__fish_smpcd_needs_command" -f -a "certs" -d 'Show or renew this node\'s TLS certificate'
complete -c smpcd -n "__fish_smpcd_needs_command" -f -a "agreement" -d 'Draft, check, compare and sign the agreement'
complete -c smpcd -n "__fish_smpcd_needs_command" -f -a "input" -d 'Write or check the input file of a computation'
complete -c smpcd -n "__fish_smpcd_needs_command" -f -a "run" -d 'Run the daemon'
complete -c smpcd -n "__fish_smpcd_needs_command" -f -a "doctor" -d 'What would keep this node from taking part, each with the step that mends it'
complete -c smpcd -n "__fish_smpcd_needs_command" -f -a "status" -d 'What the daemon does and what it waits for'
complete -c smpcd -n "__fish_smpcd_needs_command" -f -a "round" -d 'Start, approve, decline and watch rounds'
complete -c smpcd -n "__fish_smpcd_needs_command" -f -a "result" -d 'Show, verify or delete results'
complete -c smpcd -n "__fish_smpcd_needs_command" -f -a "evidence" -d 'Check evidence against a party'
complete -c smpcd -n "__fish_smpcd_needs_command" -f -a "audit" -d 'Read, check and export the audit log, and prove what is in it'
complete -c smpcd -n "__fish_smpcd_using_subcommand demo" -l parties -d 'How many parties' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand demo" -l inputs -d 'A figure for each party; by default party i has 5,000·(i + 1)' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand demo" -l sharing -d 'How figures are split: additive, or shamir:K for K shares needed to reconstruct' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand demo" -l adversary -d 'What the round is secure against' -r -f -a "semi-honest\t'Parties follow the protocol and look'
malicious\t'Parties do anything'"
complete -c smpcd -n "__fish_smpcd_using_subcommand demo" -l cheat -d 'Let the last party cheat, and see how it is found; with --adversary malicious. With shamir:K there are 3K - 2 parties by default, so that the others go on without it' -r -f -a "dealer\t'It deals one party a share that is not the one it has committed to'
bounds\t'It deals a figure beyond the agreed bounds, with a false proof'
partial\t'It publishes a partial sum that is one off'
equivocate\t'It signs one header for one party and another for the others'"
complete -c smpcd -n "__fish_smpcd_using_subcommand demo" -l dir -d 'Keep everything in this directory; it must not exist or be empty' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand demo" -l json -d 'The result as JSON'
complete -c smpcd -n "__fish_smpcd_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c smpcd -n "__fish_smpcd_using_subcommand testbed" -l parties -d 'How many parties' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand testbed" -l sharing -d 'How figures are split: additive, or shamir:K for K shares needed to reconstruct' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand testbed" -l adversary -d 'What a round is secure against' -r -f -a "semi-honest\t'Parties follow the protocol and look'
malicious\t'Parties do anything'"
complete -c smpcd -n "__fish_smpcd_using_subcommand testbed" -l agreement -d 'A file with the `[[computation]]` tables to use instead' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand testbed" -l rows -d 'Rows of the table' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand testbed" -l base-port -d 'Port of the first party; the others have the next ones' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand testbed" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c smpcd -n "__fish_smpcd_using_subcommand init" -l consortium -d 'Name of the consortium, which is the name of its agreement' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand init" -l party -d 'This party\'s id' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand init" -l name -d 'The organisation\'s name, for people; the id where it is left out' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand init" -l address -d 'Where the other parties dial this node; without it this node dials out only' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand init" -l listen -d 'Where this node listens; the port of --address on all interfaces where it is left out' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand init" -l csr -d 'Write a request to an existing corporate authority instead of making an own authority'
complete -c smpcd -n "__fish_smpcd_using_subcommand init" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand card; and not __fish_seen_subcommand_from show new add" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand card; and not __fish_seen_subcommand_from show new add" -f -a "show" -d 'Show a card, or those that a node holds'
complete -c smpcd -n "__fish_smpcd_using_subcommand card; and not __fish_seen_subcommand_from show new add" -f -a "new" -d 'Write this party\'s next card'
complete -c smpcd -n "__fish_smpcd_using_subcommand card; and not __fish_seen_subcommand_from show new add" -f -a "add" -d 'Take in other parties\' cards; the newest serial wins'
complete -c smpcd -n "__fish_smpcd_using_subcommand card; and __fish_seen_subcommand_from show" -l config -d 'The node file of a party, in place of FILE [default: node.toml]' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand card; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand card; and __fish_seen_subcommand_from new" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand card; and __fish_seen_subcommand_from new" -l address -d 'Where peers dial this party from now on' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand card; and __fish_seen_subcommand_from new" -l name -d 'The organisation\'s name from now on' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand card; and __fish_seen_subcommand_from new" -l certificates-since -d 'Cut off certificates that began before: "now", or a time such as "2026-07-31T12:00:00Z"' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand card; and __fish_seen_subcommand_from new" -l no-address -d 'From now on this party only dials out'
complete -c smpcd -n "__fish_smpcd_using_subcommand card; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand card; and __fish_seen_subcommand_from add" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand card; and __fish_seen_subcommand_from add" -l replace -d 'Take a card with another signing key than before: you asked the party, and it is so'
complete -c smpcd -n "__fish_smpcd_using_subcommand card; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand certs; and not __fish_seen_subcommand_from show renew" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand certs; and not __fish_seen_subcommand_from show renew" -f -a "show" -d 'Show this node\'s certificate, how long it is valid, and whether peers accept it'
complete -c smpcd -n "__fish_smpcd_using_subcommand certs; and not __fish_seen_subcommand_from show renew" -f -a "renew" -d 'Issue a new key and certificate from this party\'s own authority'
complete -c smpcd -n "__fish_smpcd_using_subcommand certs; and __fish_seen_subcommand_from show" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand certs; and __fish_seen_subcommand_from show" -l json -d 'As JSON'
complete -c smpcd -n "__fish_smpcd_using_subcommand certs; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand certs; and __fish_seen_subcommand_from renew" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand certs; and __fish_seen_subcommand_from renew" -l days -d 'How long the certificate is valid' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand certs; and __fish_seen_subcommand_from renew" -l new-authority -d 'Make a new authority first, and this party\'s next card with it'
complete -c smpcd -n "__fish_smpcd_using_subcommand certs; and __fish_seen_subcommand_from renew" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and not __fish_seen_subcommand_from new check digest diff sign status" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and not __fish_seen_subcommand_from new check digest diff sign status" -f -a "new" -d 'Write a draft with the parties filled in from their cards'
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and not __fish_seen_subcommand_from new check digest diff sign status" -f -a "check" -d 'Check every rule and print the disclosure statement and the digest'
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and not __fish_seen_subcommand_from new check digest diff sign status" -f -a "digest" -d 'Print the digest that every party signs and reads out to the others'
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and not __fish_seen_subcommand_from new check digest diff sign status" -f -a "diff" -d 'Say what two agreements mean differently; exit code 0 when nothing'
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and not __fish_seen_subcommand_from new check digest diff sign status" -f -a "sign" -d 'Print the disclosure statement and sign the agreement for this party'
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and not __fish_seen_subcommand_from new check digest diff sign status" -f -a "status" -d 'Say who has signed; exit code 0 when all have'
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and __fish_seen_subcommand_from new" -l name -d 'Name of the consortium, the one that the cards were made for' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and __fish_seen_subcommand_from new" -l out -d 'Write to a new file instead of standard output' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and __fish_seen_subcommand_from check" -l config -d 'The node file of a party, in place of FILE [default: node.toml]' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and __fish_seen_subcommand_from digest" -l config -d 'The node file of a party, in place of FILE [default: node.toml]' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and __fish_seen_subcommand_from digest" -l sections -d 'The digest of each section too'
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and __fish_seen_subcommand_from digest" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and __fish_seen_subcommand_from sign" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and __fish_seen_subcommand_from sign" -l by -d 'Who signs for this party; goes into the audit log' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and __fish_seen_subcommand_from sign" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and __fish_seen_subcommand_from status" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand agreement; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand input; and not __fish_seen_subcommand_from template check" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand input; and not __fish_seen_subcommand_from template check" -f -a "template" -d 'Write the empty input file of a computation at its place and print its path'
complete -c smpcd -n "__fish_smpcd_using_subcommand input; and not __fish_seen_subcommand_from template check" -f -a "check" -d 'Check input files as the daemon will, and change nothing; exit code 65 where one is bad'
complete -c smpcd -n "__fish_smpcd_using_subcommand input; and __fish_seen_subcommand_from template" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand input; and __fish_seen_subcommand_from template" -l computation -d 'Id of the computation; without it, the only one that the agreement has' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand input; and __fish_seen_subcommand_from template" -l period -d 'The period, where the path of the file names it' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand input; and __fish_seen_subcommand_from template" -l force -d 'Replace a file that is there already'
complete -c smpcd -n "__fish_smpcd_using_subcommand input; and __fish_seen_subcommand_from template" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand input; and __fish_seen_subcommand_from check" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand input; and __fish_seen_subcommand_from check" -l computation -d 'Id of the computation; without it, all of them' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand input; and __fish_seen_subcommand_from check" -l period -d 'The period, where the path of a file names it' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand input; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand run" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand run" -l once -d 'Take part in one round, then leave: a party that only contributes as soon as every compute party holds its share'
complete -c smpcd -n "__fish_smpcd_using_subcommand run" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand doctor" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand doctor" -l level -d 'How far to look' -r -f -a "config\t'Files, keys, certificates, the agreement, the disk: offline'
live\t'And what the running daemon says of itself, its links and its peers\' clocks'
full\t'And every peer\'s name, port, certificate and agreement'"
complete -c smpcd -n "__fish_smpcd_using_subcommand doctor" -l json -d 'For programs'
complete -c smpcd -n "__fish_smpcd_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c smpcd -n "__fish_smpcd_using_subcommand status" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand status" -l json -d 'As JSON'
complete -c smpcd -n "__fish_smpcd_using_subcommand status" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and not __fish_seen_subcommand_from start approve decline abandon list show watch" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and not __fish_seen_subcommand_from start approve decline abandon list show watch" -f -a "start" -d 'Start a round, or join one that is open; one that is completed shows its result'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and not __fish_seen_subcommand_from start approve decline abandon list show watch" -f -a "approve" -d 'Let this party\'s input into a round; final'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and not __fish_seen_subcommand_from start approve decline abandon list show watch" -f -a "decline" -d 'Keep this party\'s input out of a round for now; it may be approved later'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and not __fish_seen_subcommand_from start approve decline abandon list show watch" -f -a "abandon" -d 'Give a round up, for good'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and not __fish_seen_subcommand_from start approve decline abandon list show watch" -f -a "list" -d 'All rounds of this node, and why each ended; needs no daemon'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and not __fish_seen_subcommand_from start approve decline abandon list show watch" -f -a "show" -d 'One round: where it is and whom it waits for; needs no daemon'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and not __fish_seen_subcommand_from start approve decline abandon list show watch" -f -a "watch" -d 'Follow a round until it ends'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from start" -l period -d 'The period, in the spelling of the computation\'s calendar' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from start" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from start" -l wait -d 'Return when this node knows the outcome'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from start" -l json -d 'As JSON'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from approve" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from approve" -l by -d 'Who approves for this party; goes into the audit log' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from approve" -l reason -d 'Why, where something speaks against it: needed for an input that is the same as another period\'s; goes into the audit log' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from approve" -l yes -d 'Do not ask on a terminal'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from approve" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from decline" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from decline" -l by -d 'Who declines for this party; the other parties see it' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from decline" -l reason -d 'Why; the other parties see it' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from decline" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from abandon" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from abandon" -l by -d 'Who gives it up for this party; the other parties see it' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from abandon" -l reason -d 'Why; the other parties see it' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from abandon" -l yes -d 'Do not ask on a terminal'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from abandon" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from list" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from list" -l json -d 'As JSON'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from show" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from show" -l json -d 'As JSON'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from watch" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand round; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and not __fish_seen_subcommand_from show verify delete" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and not __fish_seen_subcommand_from show verify delete" -f -a "show" -d 'Print a result, or write it to a file'
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and not __fish_seen_subcommand_from show verify delete" -f -a "verify" -d 'Check a result from the commitments up, offline and with no secret: anybody can'
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and not __fish_seen_subcommand_from show verify delete" -f -a "delete" -d 'Delete the files of a result: the result, its exports, its bundle'
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and __fish_seen_subcommand_from show" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and __fish_seen_subcommand_from show" -l format -d 'The form' -r -f -a "table\t'For people'
csv\t'For spreadsheets'
json\t'For programs'"
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and __fish_seen_subcommand_from show" -l out -d 'The file to write, with mode 0600, in place of standard output' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and __fish_seen_subcommand_from show" -l json -d 'The same as --format json'
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and __fish_seen_subcommand_from verify" -l agreement -d 'The agreement that the round ran under, as the reader has it' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and __fish_seen_subcommand_from verify" -l config -d 'The node file of a party: its agreement is taken where none is given' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and __fish_seen_subcommand_from verify" -l json -d 'For programs'
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and __fish_seen_subcommand_from delete" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and __fish_seen_subcommand_from delete" -l by -d 'Who deletes it; goes into the audit log' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand result; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand evidence; and not __fish_seen_subcommand_from verify list" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand evidence; and not __fish_seen_subcommand_from verify list" -f -a "verify" -d 'Say which party did what, and whether the file proves it: anybody can'
complete -c smpcd -n "__fish_smpcd_using_subcommand evidence; and not __fish_seen_subcommand_from verify list" -f -a "list" -d 'Check every file of evidence that this party keeps'
complete -c smpcd -n "__fish_smpcd_using_subcommand evidence; and __fish_seen_subcommand_from verify" -l agreement -d 'The agreement that the round ran under, as the reader has it' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand evidence; and __fish_seen_subcommand_from verify" -l config -d 'The node file of a party: its agreement is taken where none is given' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand evidence; and __fish_seen_subcommand_from verify" -l json -d 'For programs'
complete -c smpcd -n "__fish_smpcd_using_subcommand evidence; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand evidence; and __fish_seen_subcommand_from list" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand evidence; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and not __fish_seen_subcommand_from show verify checkpoint prove check-proof pack check-pack export reconcile acknowledge" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and not __fish_seen_subcommand_from show verify checkpoint prove check-proof pack check-pack export reconcile acknowledge" -f -a "show" -d 'A readable timeline of this party\'s log; needs no daemon'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and not __fish_seen_subcommand_from show verify checkpoint prove check-proof pack check-pack export reconcile acknowledge" -f -a "verify" -d 'Check the whole log: each line, its order, and that it is what checkpoints say'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and not __fish_seen_subcommand_from show verify checkpoint prove check-proof pack check-pack export reconcile acknowledge" -f -a "checkpoint" -d 'Print a fresh checkpoint of the log, signed: give it to others, and the log cannot be rewritten unseen'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and not __fish_seen_subcommand_from show verify checkpoint prove check-proof pack check-pack export reconcile acknowledge" -f -a "prove" -d 'Write a proof that a record is in the log'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and not __fish_seen_subcommand_from show verify checkpoint prove check-proof pack check-pack export reconcile acknowledge" -f -a "check-proof" -d 'Check a proof with the agreement alone: anybody can'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and not __fish_seen_subcommand_from show verify checkpoint prove check-proof pack check-pack export reconcile acknowledge" -f -a "pack" -d 'Write one file about a round for an auditor: agreement, approvals, records with proofs, bundle, and how to check it'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and not __fish_seen_subcommand_from show verify checkpoint prove check-proof pack check-pack export reconcile acknowledge" -f -a "check-pack" -d 'Check such a file: anybody can, with nothing else'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and not __fish_seen_subcommand_from show verify checkpoint prove check-proof pack check-pack export reconcile acknowledge" -f -a "export" -d 'Print the log for other tools'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and not __fish_seen_subcommand_from show verify checkpoint prove check-proof pack check-pack export reconcile acknowledge" -f -a "reconcile" -d 'Lay several parties\' logs beside each other: what one received another sent, and decisions agree'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and not __fish_seen_subcommand_from show verify checkpoint prove check-proof pack check-pack export reconcile acknowledge" -f -a "acknowledge" -d 'Go on with a log that is not what was seen of it: this node\'s own, or a peer\'s'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from show" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from show" -l round -d 'Only this round: COMPUTATION/PERIOD' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from show" -l event -d 'Only this event, such as open.sent, or all of a kind, such as link.*; may be repeated' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from show" -l peer -d 'Only with this party at the other end' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from show" -l outcome -d 'Only what ended like this; may be repeated' -r -f -a "done\t'As it should'
refused\t'Turned away'
differs\t'Two things that should agree do not'
failed\t'Tried, and it did not work'"
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from show" -l severity -d 'Only what matters as much as this, or more' -r -f -a "info\t'Steps as they should be'
notice\t'What a person decided or waits for'
warning\t'Something was turned away, given up or lost'
alarm\t'A person has to look now'"
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from show" -l since -d 'Only from then on: a date, a time in UTC, or how long ago, such as 2h' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from show" -l json -d 'The records as they stand in the log, JSON Lines'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from show" -l follow -d 'Go on with the records that come, until interrupted'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from verify" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from verify" -l checkpoint -d 'A checkpoint of this log that somebody else has kept, such as `audit/witnessed/PARTY.checkpoint` of a peer: what it covers can have changed in no byte. May be repeated' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from verify" -l agreement -d 'The agreement whose keys count, where it is an older one than the node\'s' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from verify" -l json -d 'For programs'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from checkpoint" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from checkpoint" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from prove" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from prove" -l checkpoint -d 'Prove it under this checkpoint, which others may have cosigned, in place of a fresh one' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from prove" -l out -d 'The file to write, with mode 0600, in place of standard output' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from prove" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from check-proof" -l agreement -d 'The agreement that the round ran under, as the reader has it' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from check-proof" -l config -d 'The node file of a party: its agreement is taken where none is given' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from check-proof" -l json -d 'For programs'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from check-proof" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from pack" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from pack" -l agreement -d 'The agreement that the round ran under, where it is an older one than the node\'s' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from pack" -l out -d 'The file to write, with mode 0600; without it COMPUTATION-PERIOD.pack.json' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from pack" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from check-pack" -l agreement -d 'The agreement as the reader has it: the one in the pack must be the same' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from check-pack" -l json -d 'For programs'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from check-pack" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from export" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from export" -l format -d 'The form' -r -f -a "jsonl\t'The lines themselves, byte for byte: the only form that a checkpoint holds for'
csv\t'A table, for spreadsheets'
rfc5424\t'Syslog lines, for a SIEM'"
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from export" -l round -d 'Only this round: COMPUTATION/PERIOD' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from export" -l event -d 'Only this event, such as open.sent, or all of a kind, such as link.*; may be repeated' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from export" -l peer -d 'Only with this party at the other end' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from export" -l outcome -d 'Only what ended like this; may be repeated' -r -f -a "done\t'As it should'
refused\t'Turned away'
differs\t'Two things that should agree do not'
failed\t'Tried, and it did not work'"
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from export" -l severity -d 'Only what matters as much as this, or more' -r -f -a "info\t'Steps as they should be'
notice\t'What a person decided or waits for'
warning\t'Something was turned away, given up or lost'
alarm\t'A person has to look now'"
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from export" -l since -d 'Only from then on: a date, a time in UTC, or how long ago, such as 2h' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from export" -l out -d 'The file to write, with mode 0600, in place of standard output' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from reconcile" -s h -l help -d 'Print help'
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from acknowledge" -l config -d 'The node file' -r -F
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from acknowledge" -l log -d 'The party whose log is to be taken as it is now; without it this node\'s own' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from acknowledge" -l by -d 'Who has found out what happened' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from acknowledge" -l reason -d 'What happened: it goes into the audit log' -r
complete -c smpcd -n "__fish_smpcd_using_subcommand audit; and __fish_seen_subcommand_from acknowledge" -s h -l help -d 'Print help'

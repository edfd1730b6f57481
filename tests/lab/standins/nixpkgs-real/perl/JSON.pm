# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Of JSON, what NixOS' activation uses; Perl itself has it by another name.
package JSON;

use strict;
use warnings;
use Exporter 'import';
use parent 'JSON::PP';

our @EXPORT = qw(decode_json encode_json to_json from_json);

sub decode_json { return JSON::PP::decode_json(join '', @_) }
sub encode_json { return JSON::PP::encode_json($_[0]) }
sub to_json { return JSON::PP->new->allow_nonref->encode($_[0]) }
sub from_json { return JSON::PP->new->allow_nonref->decode($_[0]) }

1;

# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Of File::Slurp, what NixOS' activation uses.
package File::Slurp;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(read_file write_file);

sub read_file {
    my ($file, %options) = @_;
    my $handle;
    unless (open($handle, '<', $file)) {
        return if ($options{err_mode} // '') eq 'quiet';
        die "read_file '$file': $!\n";
    }
    binmode($handle, $options{binmode}) if $options{binmode};
    if (wantarray) {
        my @lines = <$handle>;
        chomp @lines if $options{chomp};
        return @lines;
    }
    local $/;
    return <$handle> // '';
}

sub write_file {
    my $file = shift;
    my $options = ref $_[0] eq 'HASH' ? shift : {};
    open(my $handle, $options->{append} ? '>>' : '>', $file) or die "write_file '$file': $!\n";
    binmode($handle, $options->{binmode}) if $options->{binmode};
    chmod($options->{perms}, $handle) if defined $options->{perms};
    print $handle map { ref $_ eq 'ARRAY' ? @$_ : ref $_ eq 'SCALAR' ? $$_ : $_ } @_;
    close($handle) or die "write_file '$file': $!\n";
    return 1;
}

1;

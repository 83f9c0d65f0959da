#!/usr/bin/perl
# needs: perl
# work: 3000 500
use strict; use warnings;
my $n = $ENV{N};
my %count; my @words;
open my $f, '<', 'words.txt' or die;
while (<$f>) { chomp; for my $w (split / /) { $count{$w}++; push @words, $w } }
close $f;
print scalar(@words), " ", scalar(keys %count), "\n";
print join(",", (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count)[0..9]), "\n";
my $s = 0; for my $i (1..$n) { $s += sin($i) * $i % 7; } printf "%.10f\n", $s;
my $text = join ' ', @words[0..500];
(my $t = $text) =~ s/(\w)(\w+)/\U$1\E$2/g; print substr($t, 0, 80), "\n";
my @m = $text =~ /\b(a\w*e)\b/g; print "@m\n";
print join(" ", map { sprintf "%b", $_ } 1..8), "\n";
my $pid = fork; if (!$pid) { print "child\n"; exit 3 } waitpid $pid, 0; print "status ", $? >> 8, "\n";
my $out = `echo from a shell | tr a-z A-Z`; print $out;
local $SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; select undef, undef, undef, 5; }; print "got $@";
print pack("NnC", 0xdeadbeef, 0x1234, 9) eq "\xde\xad\xbe\xef\x12\x34\x09" ? "pack\n" : "no\n";
use Digest::MD5 'md5_hex'; use Digest::SHA 'sha256_hex'; print md5_hex($text), " ", sha256_hex($text), "\n";
use POSIX (); print POSIX::strftime("%F %T", gmtime 1e9), " ", POSIX::floor(-1.5), "\n";
eval { die { code => 5 } }; print $@->{code}, "\n";
print 2**0.5, " ", 10/3, " ", 1e100, " ", -7 % 3, " ", int(-3.7), " ", 0.1 + 0.2, "\n";

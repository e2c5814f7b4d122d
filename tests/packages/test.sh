#!/usr/bin/env bash
# The packages as a user gets them: what is in them, the same assemblies wherever they are built, and a program of ten
# lines that has nothing but them. Ends with the line "tests: N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
check() { # what, command...
    local what=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        sed 's/^/    /' "$work/said"
    fi
}
contains() { # package, file...
    local package=$1 list file
    shift
    list=$(unzip -l "$package")
    for file in "$@"; do
        grep -q " $file\$" <<<"$list" || { echo "$package lacks $file"; return 1; }
    done
}
names_commit() { [[ $(unzip -p "$1" '*.nuspec') == *"commit=\"$(git rev-parse HEAD)\""* ]]; }
same_assemblies() { # folder, folder
    local package
    for package in "$1"/*.nupkg; do
        mkdir -p "$work/one" "$work/other"
        unzip -qo "$package" 'lib/*.dll' -d "$work/one"
        unzip -qo "$2/$(basename "$package")" 'lib/*.dll' -d "$work/other"
    done
    diff -r "$work/one" "$work/other"
}
build_elsewhere() {
    mkdir "$work/elsewhere"
    git ls-files -z src scripts Directory.Build.props Directory.Packages.props LICENSE .editorconfig 2>/dev/null |
        xargs -0 cp --parents -t "$work/elsewhere"
    # The same commit stands in the assemblies' version.
    (cd "$work/elsewhere" && git init -q && SourceRevisionId=$(git -C "$root" rev-parse HEAD) scripts/pack "$work/b")
}
program_runs() {
    mkdir "$work/program"
    cat >"$work/program/program.csproj" <<XML
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <OutputType>Exe</OutputType>
    <TargetFramework>net10.0</TargetFramework>
    <ImplicitUsings>enable</ImplicitUsings>
    <RestorePackagesPath>$work/program/packages</RestorePackagesPath>
    <RestoreAdditionalProjectSources>$work/a</RestoreAdditionalProjectSources>
    <NuGetAudit>false</NuGetAudit>
  </PropertyGroup>
  <ItemGroup><PackageReference Include="KafkaLog.Sink" Version="*" /></ItemGroup>
</Project>
XML
    sed -n '/^```csharp$/,/^```$/p' src/KafkaLog.Sink/README.md |
        sed '/^```/d; s|"/var/log/apps/orders"|args[0]|' >"$work/program/Program.cs"
    (cd "$work/program" && dotnet run -v quiet -- "$work/logs") && ls "$work/logs" | grep -q '_3600_UTC-orders.szn$'
}

check "scripts/pack" scripts/pack "$work/a"
version=$(basename "$work"/a/KafkaLog.Format.*.snupkg .snupkg | sed 's/^KafkaLog.Format.//')
for name in KafkaLog.Format KafkaLog.Sink; do
    check "$name has assemblies and documentation for both frameworks and a README" contains "$work/a/$name.$version.nupkg" \
        README.md lib/net8.0/$name.dll lib/net8.0/$name.xml lib/net10.0/$name.dll lib/net10.0/$name.xml
    check "$name has symbols" contains "$work/a/$name.$version.snupkg" lib/net8.0/$name.pdb lib/net10.0/$name.pdb
    check "$name names the commit" names_commit "$work/a/$name.$version.nupkg"
done
check "the same is built elsewhere" build_elsewhere
check "the assemblies are the same byte for byte" same_assemblies "$work/a" "$work/b"
check "the program in the README of KafkaLog.Sink runs with nothing but the packages" program_runs
echo "tests: $passed passed, $failed failed"
((failed == 0))

# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The part of nixpkgs' library that configurations of a fleet commonly use.

let
  inherit (builtins)
    attrNames
    concatLists
    concatStringsSep
    elemAt
    filter
    foldl'
    genList
    head
    isAttrs
    isString
    length
    listToAttrs
    map
    match
    replaceStrings
    stringLength
    substring
    ;

  strings = rec {
    inherit concatStringsSep;
    optionalString = condition: text: if condition then text else "";
    concatMapStringsSep = separator: function: list: concatStringsSep separator (map function list);
    concatMapStrings = concatMapStringsSep "";
    concatStrings = concatStringsSep "";
    concatLines = concatMapStrings (line: line + "\n");
    hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
    hasSuffix =
      suffix: text:
      let
        start = stringLength text - stringLength suffix;
      in
      start >= 0 && substring start (-1) text == suffix;
    removeSuffix =
      suffix: text:
      if hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
    removePrefix =
      prefix: text: if hasPrefix prefix text then substring (stringLength prefix) (-1) text else text;
    escapeShellArg =
      value:
      let
        text = toString value;
      in
      if match "[[:alnum:],._+:@%/-]+" text != null then
        text
      else
        "'${replaceStrings [ "'" ] [ "'\\''" ] text}'";
    escapeShellArgs = concatMapStringsSep " " escapeShellArg;
    escapeXML = replaceStrings [ "&" "<" ">" "\"" "'" ] [ "&amp;" "&lt;" "&gt;" "&quot;" "&apos;" ];
    makeBinPath = packages: concatMapStringsSep ":" (package: "${package}/bin") packages;
    toUpper = replaceStrings lower upper;
    versionOlder = a: b: builtins.compareVersions b a == 1;
    versionAtLeast = a: b: !versionOlder a b;
  };
  lower = genList (n: substring n 1 "abcdefghijklmnopqrstuvwxyz") 26;
  upper = genList (n: substring n 1 "ABCDEFGHIJKLMNOPQRSTUVWXYZ") 26;

  lists = {
    inherit
      head
      length
      elemAt
      filter
      ;
    inherit (builtins)
      all
      any
      concatMap
      elem
      tail
      sort
      ;
    optional = condition: value: if condition then [ value ] else [ ];
    optionals = condition: values: if condition then values else [ ];
    flatten = value: if builtins.isList value then builtins.concatMap lists.flatten value else [ value ];
    unique = foldl' (found: next: if builtins.elem next found then found else found ++ [ next ]) [ ];
    imap1 = function: list: genList (n: function (n + 1) (elemAt list n)) (length list);
    range = first: last: genList (n: first + n) (last - first + 1);
    last = list: elemAt list (length list - 1);
    foldr = function: initial: list: foldl' (result: next: function next result) initial (lists.reverseList list);
    reverseList = list: genList (n: elemAt list (length list - 1 - n)) (length list);
    inherit foldl';
  };

  attrsets = rec {
    inherit attrNames;
    inherit (builtins)
      attrValues
      mapAttrs
      hasAttr
      getAttr
      removeAttrs
      ;
    nameValuePair = name: value: { inherit name value; };
    mapAttrsToList = function: set: map (name: function name set.${name}) (attrNames set);
    mapAttrs' = function: set: listToAttrs (mapAttrsToList function set);
    filterAttrs =
      keep: set:
      listToAttrs (
        map (name: nameValuePair name set.${name}) (filter (name: keep name set.${name}) (attrNames set))
      );
    optionalAttrs = condition: set: if condition then set else { };
    genAttrs = names: function: listToAttrs (map (name: nameValuePair name (function name)) names);
    isDerivation = value: isAttrs value && value.type or null == "derivation";
    recursiveUpdate =
      old: new:
      old
      // builtins.mapAttrs (
        name: value:
        if isAttrs value && isAttrs (old.${name} or null) && !isDerivation value then
          recursiveUpdate old.${name} value
        else
          value
      ) new;
    attrByPath =
      path: default: set:
      if path == [ ] then
        set
      else if isAttrs set && set ? ${head path} then
        attrByPath (builtins.tail path) default set.${head path}
      else
        default;
    getExe = package: "${package}/bin/${package.meta.mainProgram or package.pname or package.name}";
    getExe' = package: program: "${package}/bin/${program}";
    getBin = package: package;
    concatMapAttrs = function: set: foldl' (result: next: result // next) { } (mapAttrsToList function set);
  };

  modules = import ./modules.nix { inherit lib; };

  lib =
    strings
    // lists
    // attrsets
    // modules
    // {
      inherit
        strings
        lists
        attrsets
        modules
        ;
      inherit (builtins)
        isAttrs
        isBool
        isFunction
        isInt
        isList
        isString
        replaceStrings
        toJSON
        fromJSON
        readFile
        pathExists
        concatLists
        concatStringsSep
        listToAttrs
        substring
        stringLength
        ;
      inherit (modules) types;
      id = value: value;
      const = value: _: value;
      boolToString = value: if value then "true" else "false";
      warn = message: value: builtins.trace "warning: ${message}" value;
      throwIf = condition: message: value: if condition then throw message else value;
      throwIfNot = condition: message: value: if condition then value else throw message;
      assertMsg = condition: message: condition || throw message;
      version = "26.11pre-git";
      trivial = {
        release = "26.11";
        version = "26.11pre-git";
      };
    };
in
lib

# SPDX-FileCopyrightText: nix.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A small module system: imports, options with types and defaults, mkIf, mkMerge, priorities, order. Options that
# nobody declared are taken as they come, since only a few of the real system's thousands stand here.

{ lib }:
let
  inherit (builtins)
    all
    attrNames
    catAttrs
    concatLists
    concatMap
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    functionArgs
    genericClosure
    head
    isAttrs
    isFunction
    isList
    isPath
    isString
    length
    listToAttrs
    map
    mapAttrs
    removeAttrs
    sort
    toJSON
    ;

  ofType = type: value: isAttrs value && value._type or null == type;
  isOption = ofType "option";
  isPlainSet = value: isAttrs value && !(value ? _type) && value.type or null != "derivation";

  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  mkOrder = order: content: {
    _type = "order";
    inherit order content;
  };
  mkOption = settings: settings // { _type = "option"; };

  defaultPriority = 100;
  defaultOrder = 1000;

  # A definition → plain values with their priority and order; what a condition rules out is gone.
  discharge =
    definition:
    let
      inner = map (
        found:
        found
        // (if ofType "override" definition then { inherit (definition) priority; } else { })
        // (if ofType "order" definition then { inherit (definition) order; } else { })
      ) (discharge definition.content);
    in
    if ofType "merge" definition then
      concatMap discharge definition.contents
    else if ofType "if" definition then
      if definition.condition then discharge definition.content else [ ]
    else if ofType "override" definition || ofType "order" definition then
      inner
    else
      [
        {
          priority = defaultPriority;
          order = defaultOrder;
          value = definition;
        }
      ];

  # The values that count: of the strongest priority, in order.
  strongest =
    definitions:
    let
      found = concatMap discharge definitions;
      best = foldl' (least: next: if next < least then next else least) 100000 (
        catAttrs "priority" found
      );
    in
    catAttrs "value" (
      sort (a: b: a.order < b.order) (filter (next: next.priority == best) found)
    );

  # A definition of a set of options → sets without a property of their own: a condition on the whole moves to each
  # member, where it is looked at only when that member is asked for.
  pushDown =
    definition:
    if ofType "merge" definition then
      concatMap pushDown definition.contents
    else if ofType "if" definition then
      map (mapAttrs (_: mkIf definition.condition)) (pushDown definition.content)
    else if ofType "override" definition then
      map (mapAttrs (_: mkOverride definition.priority)) (pushDown definition.content)
    else if ofType "order" definition then
      map (mapAttrs (_: mkOrder definition.order)) (pushDown definition.content)
    else
      [ definition ];

  core =
    definition:
    if ofType "merge" definition then
      if definition.contents == [ ] then { } else core (head definition.contents)
    else if ofType "if" definition || ofType "override" definition || ofType "order" definition then
      core definition.content
    else
      definition;

  names = sets: attrNames (foldl' (result: set: result // set) { } sets);
  at = name: sets: catAttrs name sets;
  show = concatStringsSep ".";

  mergeEqual =
    path: values:
    if all (value: value == head values) values then
      head values
    else
      throw "The option `${show path}' has conflicting definition values: ${
        concatStringsSep ", " (map toJSON values)
      }. Use `lib.mkForce value' or `lib.mkDefault value' to change the priority on any of these definitions.";

  mergeAnything =
    path: values:
    if all isPlainSet values then
      listToAttrs (
        concatMap (
          name:
          let
            found = strongest (at name values);
          in
          if found == [ ] then
            [ ]
          else
            [
              {
                inherit name;
                value = mergeAnything (path ++ [ name ]) found;
              }
            ]
        ) (names values)
      )
    else if length values == 1 then
      head values
    else if all isList values then
      concatLists values
    else if all isFunction values then
      argument: mergeAnything path (map (function: function argument) values)
    else
      mergeEqual path values;

  types = rec {
    anything.merge = mergeAnything;
    unspecified = anything;
    raw.merge = path: values: head values;
    attrs.merge = path: foldl' (result: next: result // next) { };
    str = checked "string" isString;
    nonEmptyStr = str;
    int = checked "signed integer" builtins.isInt;
    port = int;
    ints.positive = int;
    ints.unsigned = int;
    bool = checked "boolean" builtins.isBool;
    float = checked "floating point number" builtins.isFloat;
    path = checked "path" (value: isPath value || isString value || value ? outPath);
    package = checked "package" (value: isString value || value ? outPath);
    lines.merge = path: concatStringsSep "\n";
    commas.merge = path: concatStringsSep ",";
    enum = values: checked "one of ${toJSON values}" (value: elem value values);
    nullOr = type: {
      merge = path: values: if all (value: value == null) values then null else type.merge path values;
    };
    either = a: b: anything;
    oneOf = options: anything;
    listOf = type: {
      merge =
        path: values:
        concatMap (
          value:
          if isList value then
            concatMap (member: map (found: type.merge path [ found ]) (strongest [ member ])) value
          else
            throw "A definition for option `${show path}' is not of type `list'."
        ) values;
    };
    attrsOf = type: {
      merge =
        path: values:
        if all isPlainSet values then
          listToAttrs (
            concatMap (
              name:
              let
                found = strongest (at name values);
              in
              if found == [ ] then
                [ ]
              else
                [
                  {
                    inherit name;
                    value = type.merge (path ++ [ name ]) found;
                  }
                ]
            ) (names values)
          )
        else
          throw "A definition for option `${show path}' is not of type `attribute set'.";
    };
    lazyAttrsOf = attrsOf;
    submodule = module: {
      merge =
        path: values:
        removeAttrs
          (evalModules {
            modules = [ module ] ++ values;
            specialArgs.name = lastOf path;
            prefix = path;
          }).config
          [ "_module" ];
    };
    coercedTo = from: coerce: to: {
      merge =
        path: values: to.merge path (map (value: if from.check value then coerce value else value) values);
    };
    checked = description: check: {
      inherit check;
      merge =
        path: values:
        if all check values then
          mergeEqual path values
        else
          throw "A definition for option `${show path}' is not of type `${description}'.";
    };
  };

  lastOf = list: elemAt list (length list - 1);

  # The tree of options and what was defined for them → the tree of values.
  valuesOf =
    path: options: definitions:
    if isOption options then
      optionValue path options definitions
    else
      let
        sets = concatMap pushDown definitions;
        value =
          name:
          let
            here = path ++ [ name ];
            mine = at name sets;
          in
          if options ? ${name} then
            valuesOf here options.${name} mine
          else if mine != [ ] && all (definition: isPlainSet (core definition)) mine then
            valuesOf here { } mine
          else
            undeclaredValue here mine;
      in
      listToAttrs (
        map (name: {
          inherit name;
          value = value name;
        }) (names ([ options ] ++ sets))
      );

  undeclaredValue =
    path: definitions:
    let
      found = strongest definitions;
    in
    if found == [ ] then
      throw "The option `${show path}' was accessed but has no value defined."
    else
      mergeAnything path found;

  optionValue =
    path: option: definitions:
    let
      defined = strongest definitions;
      found = if defined == [ ] && option ? default then strongest [ option.default ] else defined;
      type = option.type or types.anything;
      value =
        if found == [ ] then
          throw "The option `${show path}' was accessed but has no value defined. Try setting the option."
        else
          type.merge path found;
    in
    (option.apply or (result: result)) value;

  mergeOptions =
    trees:
    listToAttrs (
      map (
        name:
        let
          found = at name trees;
        in
        {
          inherit name;
          value =
            if isOption (head found) then foldl' (a: b: a // b) { } found else mergeOptions found;
        }
      ) (names trees)
    );

  evalModules =
    {
      modules,
      specialArgs ? { },
      prefix ? [ ],
      ...
    }@given:
    let
      knownArguments = {
        inherit lib;
      }
      // specialArgs;

      # What a module asks for by name may follow from the configuration, so it is looked up only when used.
      argument =
        name:
        knownArguments.${name} or config._module.args.${name}
          or (throw "A module asks for the argument `${name}', which nobody gives.");

      call =
        function:
        let
          wanted = functionArgs function;
          needed = filter (name: !wanted.${name}) (attrNames wanted);
          byName = listToAttrs (
            map (name: {
              inherit name;
              value = argument name;
            }) (needed ++ [ "pkgs" ])
          );
        in
        function (
          (if wanted == { } || wanted ? pkgs then byName else removeAttrs byName [ "pkgs" ])
          // knownArguments
          // {
            inherit config options;
          }
        );

      resolve =
        module:
        if isPath module || isString module then
          resolve (import module)
        else if isFunction module || module ? __functor then
          resolve (call module)
        else
          module;

      load =
        key: module:
        let
          resolved = resolve module;
          structured = resolved ? config || resolved ? options;
        in
        {
          key = if isPath module || isString module then toString module else resolved.key or key;
          imports = resolved.imports or [ ];
          options = if structured then resolved.options or { } else { };
          config =
            if structured then
              resolved.config or { }
            else
              removeAttrs resolved [
                "imports"
                "key"
                "_file"
                "_class"
              ];
        };

      loadAll =
        parent: list:
        builtins.genList (n: load "${parent}:${toString n}" (elemAt list n)) (length list);

      # Each module once, whoever imports it.
      loaded = genericClosure {
        startSet = loadAll "module" modules;
        operator = module: loadAll module.key module.imports;
      };

      argumentsOption._module.args = mkOption {
        type = types.lazyAttrsOf types.raw;
        default = { };
      };
      options = mergeOptions ([ argumentsOption ] ++ catAttrs "options" loaded);
      config = valuesOf prefix options (catAttrs "config" loaded);
    in
    {
      inherit options config;
      extendModules =
        more:
        evalModules (
          given
          // {
            modules = modules ++ more.modules or [ ];
            specialArgs = specialArgs // more.specialArgs or { };
          }
        );
    };
in
{
  inherit
    evalModules
    mkIf
    mkMerge
    mkOverride
    mkOrder
    mkOption
    types
    ;
  mkDefault = mkOverride 1000;
  mkOptionDefault = mkOverride 1500;
  mkForce = mkOverride 50;
  mkVMOverride = mkOverride 10;
  mkBefore = mkOrder 500;
  mkAfter = mkOrder 1500;
  mkEnableOption =
    description:
    mkOption {
      type = types.bool;
      default = false;
      description = "Whether to enable ${description}.";
    };
  mkPackageOption =
    pkgs: name: settings:
    mkOption (
      {
        type = types.package;
        default = pkgs.${name};
      }
      // settings
    );
  literalExpression = text: text;
}
